/** How much is watched: from the grids' own counts, or from the whole where grids are not told. */

import { centre } from "../../centre/store";
import type { Coverage } from "../../centre/shapes";

export interface Watched {
  points: number;
  watched: number;
  blind: number;
  shielded: number;
  inTest: number;
  never: number;
  /** Units of which some gateway is silent. */
  units: number;
}

const NONE: Watched = { points: 0, watched: 0, blind: 0, shielded: 0, inTest: 0, never: 0, units: 0 };

export function watched(): Watched {
  const units = new Set(centre.gateways.filter((gateway) => !gateway.online).map((gateway) => gateway.unit ?? gateway.gateway)).size;
  if (centre.coverage !== null && centre.coverage.length > 0) return { ...sum(top(centre.coverage)), units };
  const points = centre.health?.points ?? { total: 0, speaking: 0 };
  return { ...NONE, points: points.total, watched: points.speaking, blind: points.total - points.speaking, units };
}

/** Points whose calm would prove nothing now. */
export function unseen(): number {
  const now = watched();
  return Math.max(now.points - now.watched, 0);
}

/** The grids under which all others lie. */
function top(rows: Coverage[]): Coverage[] {
  const here = new Set(rows.map((row) => row.grid));
  return rows.filter((row) => row.parent === null || !here.has(row.parent));
}

function sum(rows: Coverage[]): Watched {
  return rows.reduce((all, row) => ({
    points: all.points + row.points, watched: all.watched + row.watched, blind: all.blind + row.blind,
    shielded: all.shielded + row.shielded, inTest: all.inTest + row.in_test, never: all.never + row.never, units: 0,
  }), NONE);
}
