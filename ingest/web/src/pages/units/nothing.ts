/** What it means that a list of points is empty. Silence is never calm. Pure. */

import type { Gateway } from "../../centre/shapes";

export type Which = "notable" | "analog" | "all";
export type Nothing = "noneKnown" | "allNormal" | "noPoint";

/** Of the unit's `gateways`, what is `known` of them, and what was looked for. */
export function nothingFound(gateways: string[], known: Pick<Gateway, "gateway" | "online" | "points">[], which: Which, sought: string): Nothing {
  const here = known.filter((gateway) => gateways.includes(gateway.gateway));
  if (sought.trim() !== "" && here.length > 0) return "noPoint";
  // Without a point that is known, or with a box that is silent, nothing notable proves nothing.
  if (here.length < gateways.length || here.every((gateway) => gateway.points === 0) || here.some((gateway) => !gateway.online)) return "noneKnown";
  return which === "notable" ? "allNormal" : "noPoint";
}
