/** Fetches a curve: the readings of a point, and what its gateway vouched for. */

import { all, look } from "../centre/ask";
import { curve, stepFor, type Curve } from "./curve";
import type { Series, Stretch } from "../centre/shapes";

export async function readCurve(point: string, from: number, to: number): Promise<{ series: Series; curve: Curve }> {
  const gateway = point.split("/")[0] ?? "";
  const [series, vouched] = await Promise.all([
    look<Series>("series", { point, from: new Date(from).toISOString(), to: new Date(to).toISOString(), step: stepFor(to - from) }),
    all<Stretch>("vouched", { gateway, lane: "routine" }),
  ]);
  return { series, curve: curve(series, vouched.items, from, to) };
}
