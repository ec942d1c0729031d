/**
 * The list of open alarms: which of them stand when an answer tells only a part, and in which
 * order they came. Pure; asks nobody.
 */

import type { Alarm, Health } from "./shapes";

/** When the centre knew of it. Clocks and order go by this: a gateway's clock may be wrong by years. */
export function cameAt(alarm: Pick<Alarm, "arrived" | "raised">): string {
  return alarm.arrived ?? alarm.raised;
}

/** So much may lie between the gateway's moment and the centre's before both are told. */
const APART_MS = 60000;

/** Whether it happened, by the gateway's clock, at another time than the centre knew of it. */
export function toldLate(alarm: Pick<Alarm, "arrived" | "raised">): boolean {
  return Math.abs(Date.parse(cameAt(alarm)) - Date.parse(alarm.raised)) > APART_MS;
}

/** The first before the later ones. */
export function earlier(one: Alarm, other: Alarm): number {
  return Date.parse(cameAt(one)) - Date.parse(cameAt(other));
}

/**
 * Whether an answer is the whole list. While nothing is recorded, or the judge does not answer,
 * the centre tells what it can: alarms that it leaves out may be as open as before.
 */
export function isWhole(told: Alarm[], health: Pick<Health, "commit_failing_since" | "problems"> | null): boolean {
  if (health?.commit_failing_since || health?.problems.some((problem) => problem.code === "judge-silent")) return false;
  // Only what is not recorded: the database could not be read.
  return told.length === 0 || told.some((alarm) => alarm.recorded !== false);
}

/** What is told, and beside it what was known and is not told of. */
export function beside(told: Alarm[], known: Alarm[]): Alarm[] {
  const here = new Set(told.map((alarm) => alarm.id));
  return [...told, ...known.filter((alarm) => !here.has(alarm.id))];
}
