/** How each state, severity and mark looks. The words stand under the same names in words/. */

import type { Tone } from "../parts/Mark.vue";
import type { IconName } from "../parts/icons";
import type { Alarm, AlarmState, Severity, TicketState } from "../centre/shapes";

export interface Look { tone: Tone; icon: IconName }

export const ALARM_STATES: Record<AlarmState, Look> = {
  "active-unacked": { tone: "fire", icon: "bell" },
  "active-acked": { tone: "warn", icon: "check" },
  "returned-unacked": { tone: "fire", icon: "bell" },
  "returned-acked": { tone: "warn", icon: "clock" },
  "closed": { tone: "quiet", icon: "check" },
};

export const TICKET_STATES: Record<TicketState, Look> = {
  verify: { tone: "warn", icon: "list" },
  dispatch: { tone: "warn", icon: "list" },
  accept: { tone: "fire", icon: "bell" },
  rectifying: { tone: "info", icon: "wrench" },
  recheck: { tone: "info", icon: "clock" },
  suspended: { tone: "quiet", icon: "clock" },
  closed: { tone: "good", icon: "check" },
  void: { tone: "quiet", icon: "check" },
};

export const SEVERITIES: Record<Severity, Look> = {
  info: { tone: "quiet", icon: "list" },
  general: { tone: "info", icon: "alarm" },
  serious: { tone: "warn", icon: "alarm" },
  major: { tone: "fire", icon: "alarm" },
};

export const GRAVEST: Severity[] = ["major", "serious", "general", "info"];

export function alarmIcon(alarm: Pick<Alarm, "kind">): IconName {
  return alarm.kind === "fire" ? "fire" : "alarm";
}
