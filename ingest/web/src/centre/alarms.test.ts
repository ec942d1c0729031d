/** By which clock alarms are ordered, and which answers are whole. */

import { describe, expect, it } from "vitest";

import { cameAt, earlier, isWhole, toldLate } from "./alarms";
import type { Alarm } from "./shapes";

const at = (seconds: number) => new Date(seconds * 1000).toISOString();
const alarm = (raised: number, arrived: number | null) => ({ raised: at(raised), arrived: arrived === null ? null : at(arrived) }) as Alarm;

describe("the clock of an alarm", () => {
  it("is the centre's, whatever the gateway's says", () => {
    expect(cameAt(alarm(9000, 10))).toBe(at(10));
    expect(cameAt(alarm(5, null))).toBe(at(5));
    expect(earlier(alarm(9000, 10), alarm(0, 20))).toBeLessThan(0);
  });

  it("is told beside the gateway's when they are far apart", () => {
    expect([alarm(0, 0), alarm(0, 59), alarm(0, 61), alarm(61, 0)].map(toldLate)).toEqual([false, false, true, true]);
  });
});

describe("an answer", () => {
  const told = (...recorded: boolean[]) => recorded.map((one) => ({ recorded: one }) as Alarm);
  const health = (failing: string | null, ...codes: string[]) => ({ commit_failing_since: failing, problems: codes.map((code) => ({ code, zh: "", en: "" })) });
  const check = (alarms: Alarm[], of: Parameters<typeof isWhole>[1], whole: boolean) => expect(isWhole(alarms, of)).toBe(whole);

  it("is whole unless it holds only what is not recorded, or the centre says that it fails", () => {
    check(told(), null, true);
    check(told(true), health(null), true);
    check(told(true, false), health(null, "deaf"), true);
    check(told(false), health(null), false);
    check(told(true), health(at(1)), false);
    check(told(true), health(null, "judge-silent"), false);
  });
});
