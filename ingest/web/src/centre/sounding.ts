/**
 * Whether anything must be heard. The centre says it of each alarm (`sounds`); it does not let a
 * further detector of a zone sound whose fire somebody has taken. But a fire that is taken and
 * has gone out is no longer anybody's: what burns there again is heard, whatever was said. Pure.
 */

import type { Alarm } from "./shapes";

export function unacked(alarm: Alarm): boolean {
  return alarm.state === "active-unacked" || alarm.state === "returned-unacked";
}

export function active(alarm: Alarm): boolean {
  return alarm.state === "active-unacked" || alarm.state === "active-acked";
}

export function mustBeHeard(alarms: Alarm[]): boolean {
  const taken = new Set(alarms.filter((alarm) => alarm.state === "active-acked").map(place));
  return alarms.some((alarm) => (alarm.sounds ?? unacked(alarm))
    || (alarm.kind === "fire" && alarm.state === "active-unacked" && !taken.has(place(alarm))));
}

/** The zone of an incident; an alarm of which neither is known stands alone. */
function place(alarm: Alarm): string {
  return alarm.incident && alarm.zone ? `${alarm.incident.id} ${alarm.zone}` : alarm.id;
}
