/** A fire that nobody has taken is heard. */

import { expect, it } from "vitest";

import { mustBeHeard } from "./sounding";
import type { Alarm, AlarmState } from "./shapes";

type Told = [state: AlarmState, sounds: boolean | undefined, zone: string | null];

function check(told: Told[], heard: boolean): void {
  const alarms = told.map(([state, sounds, zone], place) => ({ id: `a${place}`, kind: "fire", state, sounds, zone, incident: { id: "i", first: place === 0, place: place + 1, new_zone: false } }) as Alarm);
  expect(mustBeHeard(alarms)).toBe(heard);
}

it("nothing is heard when nothing is open, or all is taken", () => {
  check([], false);
  check([["active-acked", false, "3F"], ["returned-acked", false, "3F"]], false);
});

it("what the centre lets sound is heard", () => {
  check([["active-unacked", true, "3F"]], true);
  check([["returned-unacked", true, "3F"]], true);
  check([["active-unacked", undefined, "3F"]], true);
});

it("a further detector of a zone that burns and is taken is not heard again", () => {
  check([["active-acked", false, "3F"], ["active-unacked", false, "3F"]], false);
});

it("a zone that burns again after its fire was taken and went out is heard, whatever was said", () => {
  check([["returned-acked", false, "3F"], ["active-unacked", false, "3F"]], true);
  check([["active-acked", false, "4F"], ["active-unacked", false, "3F"]], true);
  check([["active-acked", false, null], ["active-unacked", false, null]], true);
});
