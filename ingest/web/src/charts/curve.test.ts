/** A curve is drawn only where somebody vouched for it. */

import { describe, expect, it } from "vitest";

import { curve, gaps, stepFor } from "./curve";
import type { Series } from "../centre/shapes";

const at = (seconds: number) => new Date(seconds * 1000).toISOString();
const stretch = (from: number, until: number) => ({ from: at(from), until: at(until) });

function series(buckets: [start: number, mean: number | null][]): Series {
  return {
    point: "g/d/p", label: "p", unit: "Pa", shown_unit: "MPa", shown_factor: 1e-6, from: at(0), to: at(100), step_ms: 10000,
    buckets: buckets.map(([start, mean]) => ({ start: at(start), min: mean, mean, max: mean, count: 1 })),
    rule_limits: [{ rule: "W1", step: "hazard", side: "below", value: 50000, zh: "隐患", en: "hazard" }],
  };
}

describe("gaps", () => {
  const check = (stretches: { from: string; until: string }[], found: [number, number][]) =>
    expect(gaps(stretches, 0, 100000, 10000).map((gap) => [gap.from / 1000, gap.until / 1000])).toEqual(found);

  it("are what no stretch covers, at both ends and between", () => {
    check([], [[0, 100]]);
    check([stretch(0, 100)], []);
    check([stretch(20, 40), stretch(70, 100)], [[0, 20], [40, 70]]);
    check([stretch(70, 100), stretch(0, 75)], []);
    check([stretch(0, 50)], [[50, 100]]);
  });

  it("shorter than a step are not shown", () => check([stretch(0, 50), stretch(55, 100)], []));
  it("outside the range are none", () => check([stretch(-50, 120)], []));
});

describe("a curve", () => {
  const whole = [stretch(0, 100)];

  it("is a line through readings that follow each other", () => {
    const drawn = curve(series([[0, 1e6], [10, 2e6], [20, 3e6]]), whole, 0, 30000);
    expect(drawn.measured).toEqual([[0, 1], [10000, 2], [20000, 3]]);
    expect(drawn.held).toEqual([]);
    expect(drawn.last).toBe(3);
  });

  it("is dotted where the value stood and the box vouched for it", () => {
    const drawn = curve(series([[0, 1e6], [50, 2e6]]), whole, 0, 60000);
    expect(drawn.held).toEqual([[0, 1], [50000, 1], [50000, null]]);
    expect(drawn.measured).toEqual([[0, 1], [1, null], [50000, 2]]);
  });

  it("ends where nobody vouched, and begins again with the next reading", () => {
    const drawn = curve(series([[0, 1e6], [80, 2e6]]), [stretch(0, 30), stretch(75, 100)], 0, 100000);
    expect(drawn.held).toEqual([[0, 1], [30000, 1], [30000, null], [80000, 2], [100000, 2], [100000, null]]);
    expect(drawn.blind).toEqual([{ from: 30000, until: 75000 }]);
    expect(drawn.measured).toEqual([[0, 1], [1, null], [80000, 2]]);
  });

  it("draws nothing for a step without readings", () => {
    expect(curve(series([[0, null]]), whole, 0, 20000)).toMatchObject({ measured: [], held: [], last: null });
  });

  it("shows its limits in the unit of the curve", () => {
    expect(curve(series([]), whole, 0, 20000).limits[0]?.shown).toBeCloseTo(0.05);
  });

  it("has some hundred steps whatever the range", () => {
    expect([1, 6, 24, 168].map((hours) => stepFor(hours * 3600000))).toEqual(["30s", "2min", "10min", "60min"]);
  });
});
