/** Nothing that is open is hidden from the wall: it is shown, or it is counted. */

import { describe, expect, it } from "vitest";

import { board, drawn, marks, size, taking, untaken, DRAWN, type Fire } from "./fires";
import type { Alarm, AlarmState } from "../../centre/shapes";

let made = 0;
function alarm(told: Partial<Alarm> & { state: AlarmState }): Alarm {
  made += 1;
  return { id: `a${made}`, kind: "fire", unit: "u1", gateway: "g1", raised: new Date(made * 1000).toISOString(), marks: [], zone: null, ...told } as Alarm;
}

/** Every alarm's place, by what the wall makes of the list. */
function check(alarms: Alarm[], burning: number, returned: number, others: number): void {
  const shown = board(alarms);
  expect([shown.burning.length, shown.returned.length, shown.others.length]).toEqual([burning, returned, others]);
  const told = [...shown.burning, ...shown.returned].flatMap((fire) => fire.alarms).concat(shown.others).map((one) => one.id).sort();
  expect(told).toEqual(alarms.map((one) => one.id).sort());
}

describe("the board of the wall", () => {
  it("puts every open alarm in exactly one place", () => {
    check([], 0, 0, 0);
    check([alarm({ state: "active-unacked" })], 1, 0, 0);
    check([alarm({ state: "returned-unacked" })], 0, 1, 0);
    check([alarm({ state: "active-unacked", kind: "prealarm" })], 0, 0, 1);
    check([alarm({ state: "active-unacked" }), alarm({ state: "active-unacked", unit: "u2" }), alarm({ state: "active-acked", kind: "supervisory" })], 2, 0, 1);
  });

  it("counts detectors of one incident together and keeps it burning while one of them burns", () => {
    check([alarm({ state: "returned-acked" }), alarm({ state: "active-acked" })], 1, 0, 0);
    const incident = (place: number) => ({ id: "i1", first: place === 1, place, new_zone: false });
    check([alarm({ state: "active-unacked", unit: "u1", incident: incident(2) }), alarm({ state: "active-unacked", unit: "u9", incident: incident(1) })], 1, 0, 0);
  });

  it("names the first alarm as the centre does, and the latest beside it", () => {
    const late = alarm({ state: "active-unacked", incident: { id: "i", first: false, place: 2, new_zone: true }, zone: "5F" });
    const first = alarm({ state: "active-unacked", incident: { id: "i", first: true, place: 1, new_zone: false }, zone: "3F" });
    const [fire] = board([late, first]).burning;
    expect(fire?.first.id).toBe(first.id);
    expect(fire?.latest).toBe(null);
    expect(fire?.zones).toEqual(["3F", "5F"]);
  });

  it("shows what nobody took before what somebody did, however late that came", () => {
    const taken = alarm({ state: "active-acked", unit: "u1" });
    const open = alarm({ state: "active-unacked", unit: "u2", raised: new Date(0).toISOString() });
    expect(board([taken, open]).burning.map((fire) => fire.first.unit)).toEqual(["u2", "u1"]);
  });

  it("places an alarm without a unit by its gateway", () => {
    check([alarm({ state: "active-unacked", unit: null, gateway: "g7" }), alarm({ state: "active-unacked", unit: null, gateway: "g8" })], 2, 0, 0);
  });

  it("draws as many as fit and counts the rest", () => {
    for (const fires of [0, 1, 2, 5, DRAWN, DRAWN + 1, 200]) {
      const cut = drawn(Array.from({ length: fires }, (_, place) => place));
      expect(cut.shown.length + cut.hidden.length).toBe(fires);
      expect(cut.shown.length + (cut.hidden.length > 0 ? 1 : 0)).toBeLessThanOrEqual(DRAWN);
    }
    expect([1, 2, 3, 4, 5, 6, 7].map(size)).toEqual(["one", "two", "four", "four", "six", "six", "many"]);
  });

  it("goes by the centre's clock: a box whose clock is wrong neither leads nor hides", () => {
    const came = (arrived: number, raised: number) => alarm({ state: "active-unacked", arrived: new Date(arrived).toISOString(), raised: new Date(raised).toISOString() });
    const [early, late] = [came(1000, 9e11), came(2000, 0)];
    const [fire] = board([early, late]).burning;
    expect([fire?.first.id, fire?.latest?.id]).toEqual([early.id, late.id]);
    const fires = board([{ ...early, unit: "u1" }, { ...late, unit: "u2" }]).burning;
    expect(fires.map((one) => one.first.id)).toEqual([late.id, early.id]);
    const others = board([{ ...early, kind: "prealarm" }, { ...late, kind: "prealarm" }]).others;
    expect(others.map((one) => one.id)).toEqual([late.id, early.id]);
  });
});

describe("what nobody has taken", () => {
  function check(alarms: Alarm[], fires: number, others: number): void {
    expect(untaken(board(alarms))).toEqual({ fires, others });
  }

  it("is counted where it stands: a burning fire is not one of the other alarms", () => {
    check([], 0, 0);
    check([alarm({ state: "active-unacked" }), alarm({ state: "active-unacked" })], 1, 0);
    check([alarm({ state: "active-acked" }), alarm({ state: "active-acked", unit: "u2", kind: "prealarm" })], 0, 0);
    check([alarm({ state: "returned-unacked" }), alarm({ state: "active-unacked", kind: "prealarm" })], 0, 2);
    check([alarm({ state: "active-acked" }), alarm({ state: "returned-unacked" })], 1, 0);
  });
});

describe("taking a fire", () => {
  const of = (place: number) => ({ id: "i/1", first: place === 1, place, new_zone: false });
  const fire = (...alarms: Alarm[]) => board(alarms).burning[0] as Fire;

  it("takes what is shown, as it is shown, and no other", () => {
    const [one, two] = [alarm({ state: "active-unacked", incident: of(1), version: 3 }), alarm({ state: "returned-unacked", incident: of(2), version: 5 })];
    const taken = alarm({ state: "active-acked", incident: of(3), version: 7 });
    expect(taking(fire(one, two, taken))).toEqual([
      { resource: `alarms/${one.id}/acknowledge`, body: { version: 3 } },
      { resource: `alarms/${two.id}/acknowledge`, body: { version: 5 } },
    ]);
  });
});

it("the marks of a fire tell of how many of its alarms they are true", () => {
  const [fire] = board([alarm({ state: "active-unacked", marks: ["testing", "historical"] }), alarm({ state: "active-unacked", marks: ["testing"] }), alarm({ state: "active-unacked" })]).burning;
  expect(marks(fire as Fire)).toEqual([{ mark: "testing", count: 2 }, { mark: "historical", count: 1 }]);
});
