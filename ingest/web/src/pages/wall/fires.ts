/**
 * What burns, as the wall shows it: alarms of one incident (or, where the centre keeps none, of
 * one unit) stand together under their first one. Pure. Every open alarm is in exactly one place:
 * shown, or counted among those that did not fit.
 */

import type { Alarm } from "../../centre/shapes";
import { earlier } from "../../centre/alarms";
import type { Command } from "../../centre/deed";
import { active, unacked } from "../../centre/sounding";

export interface Fire {
  key: string;
  /** 首警: the one that was first. */
  first: Alarm;
  /** The one that came last, if it is another one. */
  latest: Alarm | null;
  alarms: Alarm[];
  zones: string[];
  unacked: Alarm[];
}

export interface Board {
  /** Incidents that burn, the ones nobody took first. */
  burning: Fire[];
  /** Fires that returned to calm by their own word and still await a person. */
  returned: Fire[];
  /** Alarms that are no fire. */
  others: Alarm[];
}

export function board(alarms: Alarm[]): Board {
  const groups = new Map<string, Alarm[]>();
  const others: Alarm[] = [];
  for (const alarm of alarms) {
    if (alarm.kind !== "fire") { others.push(alarm); continue; }
    const key = alarm.incident?.id ?? alarm.unit ?? alarm.gateway;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [alarm]);
    else group.push(alarm);
  }
  const fires = [...groups].map(([key, group]) => together(key, group));
  fires.sort((one, other) => Number(other.unacked.length > 0) - Number(one.unacked.length > 0) || earlier(newest(other), newest(one)));
  others.sort((one, other) => Number(unacked(other)) - Number(unacked(one)) || earlier(other, one));
  const burns = (fire: Fire) => fire.alarms.some(active);
  return { burning: fires.filter(burns), returned: fires.filter((fire) => !burns(fire)), others };
}

function together(key: string, alarms: Alarm[]): Fire {
  const inOrder = [...alarms].sort((one, other) =>
    Number(other.incident?.first ?? false) - Number(one.incident?.first ?? false) || earlier(one, other));
  const first = inOrder[0] as Alarm;
  const last = [...alarms].sort((one, other) => earlier(other, one))[0] as Alarm;
  const zones = [...new Set(inOrder.map((alarm) => alarm.zone).filter((zone): zone is string => Boolean(zone)))];
  return { key, first, latest: last.id === first.id ? null : last, alarms: inOrder, zones, unacked: inOrder.filter(unacked) };
}

function newest(fire: Fire): Alarm {
  return fire.latest ?? fire.first;
}

/** How many lines of the board nobody has taken: of the fires that burn, and of the rest. */
export function untaken(board: Board): { fires: number; others: number } {
  const open = (fires: Fire[]) => fires.filter((fire) => fire.unacked.length > 0).length;
  return { fires: open(board.burning), others: open(board.returned) + board.others.filter(unacked).length };
}

/** What must be known of a fire beside its place, and of how many of its alarms it is true. */
export function marks(fire: Fire): { mark: string; count: number }[] {
  const counted = new Map<string, number>();
  for (const mark of fire.alarms.flatMap((alarm) => [...new Set(alarm.marks)])) counted.set(mark, (counted.get(mark) ?? 0) + 1);
  return [...counted].map(([mark, count]) => ({ mark, count }));
}

/** What takes a fire: the alarms that are shown, as they are shown, and no other. */
export function taking(fire: Fire): Command[] {
  return fire.unacked.map((alarm) => ({ resource: `alarms/${encodeURIComponent(alarm.id)}/acknowledge`, body: { version: alarm.version } }));
}

/** How large fires are drawn: by how many must stand beside each other. */
export type Size = "one" | "two" | "four" | "six" | "many";

export function size(fires: number): Size {
  if (fires <= 1) return "one";
  if (fires <= 2) return "two";
  if (fires <= 4) return "four";
  return fires <= 6 ? "six" : "many";
}

/** So many are drawn; the last place tells how many more there are. */
export const DRAWN = 12;

export function drawn<T>(fires: T[], most = DRAWN): { shown: T[]; hidden: T[] } {
  if (fires.length <= most) return { shown: fires, hidden: [] };
  return { shown: fires.slice(0, most - 1), hidden: fires.slice(most - 1) };
}
