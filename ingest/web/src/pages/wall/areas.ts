/** How large each grid is drawn on the map: by its units, but never too small to be read. Pure. */

import type { Coverage } from "../../centre/shapes";

/** Of the mean, so much is the least; and so much the least of a grid that burns. */
const LEAST = .6;
const LEAST_BURNING = 1.4;

export function area(row: Pick<Coverage, "units" | "fires">, all: Pick<Coverage, "units">[]): number {
  const mean = all.reduce((sum, one) => sum + one.units, 0) / Math.max(all.length, 1);
  return Math.max(row.units, (row.fires > 0 ? LEAST_BURNING : LEAST) * mean, 1);
}
