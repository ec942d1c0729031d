/** What is said of a gateway. Of a silent box nobody knows how it stands, and that is what is said. */

import { lasting } from "../../told";
import type { Gateway, Lane } from "../../centre/shapes";

type Translate = (key: string, named?: Record<string, unknown>) => string;

/** A lane that is judged later than this is behind. */
const LATE_MS = 15000;
/** Clocks of boxes differ a little always. */
const CLOCK_MS = 2000;

/** Conflicts and silent ones first, then those of which something is missing. */
export function gravity(gateway: Gateway): number {
  if (gateway.conflict !== null) return 0;
  if (!gateway.online) return 1;
  return gateway.holes + gateway.dead_letters > 0 ? 2 : 3;
}

export function lagWords(lane: Lane, gateway: Gateway, t: Translate): string {
  if (lane.position === null && lane.head === null) return "—";
  if (!gateway.online) return t("gateways.unknownSilent");
  if (gateway.conflict !== null) return t("gateways.unknownConflict");
  const words: string[] = [];
  if (lane.behind === 0) words.push(t("gateways.allReceived"));
  else if (lane.behind !== null) words.push(t("gateways.behind", { n: lane.behind }));
  else if (lane.head !== null) words.push(t("gateways.backlog"));
  if (lane.behind_ms !== null && lane.behind_ms > LATE_MS) words.push(t("gateways.judgedBehind", { time: lasting(lane.behind_ms) }));
  return words.join(" · ");
}

/** The newest batch that the box is known to have: its last heartbeat may be older than what came since. */
export function headOf(lane: Pick<Lane, "head" | "position">): string | null {
  const [head, position] = [lane.head, lane.position].map((name) => name?.split("/") ?? []);
  if (head?.[0] !== position?.[0]) return lane.head;
  return Number(head?.[1]) < Number(position?.[1]) ? lane.position : lane.head;
}

export function clockWords(millis: number | null, t: Translate): string {
  if (millis === null || Math.abs(millis) < CLOCK_MS) return "";
  return t(millis > 0 ? "gateways.slow" : "gateways.fast", { time: lasting(millis) });
}
