/** On the map and in its lists the wall hides nothing for want of room. */

import { expect, it } from "vitest";

import { area } from "./areas";
import { whole } from "./fit";

it("a grid is as large as it has units, but never too small to be read, least of all when it burns", () => {
  const grids = [20, 2, 2].map((units) => ({ units, fires: 0 }));
  expect(grids.map((grid) => area(grid, grids))).toEqual([20, 4.8, 4.8]);
  expect(area({ units: 2, fires: 1 }, grids)).toBeCloseTo(11.2);
  expect(area({ units: 0, fires: 0 }, [{ units: 0 }])).toBe(1);
});

it("only rows that are seen in whole are not counted among the rest", () => {
  const check = (bottoms: number[], edge: number, seen: number) => expect(whole(bottoms, edge)).toBe(seen);
  check([], 100, 0);
  check([40, 80, 100], 100, 3);
  check([40, 80, 120], 100, 2);
  check([40, 80, 100.6], 100, 3);
  check([140], 100, 0);
});
