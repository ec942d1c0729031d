/** An empty list of points is calm only where points are known and their box speaks. */

import { expect, it } from "vitest";

import { nothingFound, type Nothing, type Which } from "./nothing";

type Box = [gateway: string, online: boolean, points: number];

function check(gateways: string[], boxes: Box[], told: Nothing, which: Which = "notable", sought = ""): void {
  expect(nothingFound(gateways, boxes.map(([gateway, online, points]) => ({ gateway, online, points })), which, sought)).toBe(told);
}

it("is normal where a box that speaks has points and none is notable", () => {
  check(["g"], [["g", true, 5], ["h", false, 0]], "allNormal");
  check(["g", "h"], [["g", true, 5], ["h", true, 0]], "allNormal");
});

it("is not normal without a point, without a box, or with a silent one", () => {
  check(["g"], [["g", true, 0]], "noneKnown");
  check(["g"], [["g", false, 5]], "noneKnown");
  check(["g", "h"], [["g", true, 5]], "noneKnown");
  check([], [], "noneKnown");
});

it("says that nothing was found where something was looked for", () => {
  check(["g"], [["g", true, 5]], "noPoint", "notable", "pump");
  check(["g"], [["g", true, 5]], "noPoint", "analog");
});
