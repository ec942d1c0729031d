// How much of the county is watched. Silence is never calm: an empty list of alarms means
// nothing without this line above it.

import { both, byId } from "./draw.js";

/** How much of the county is watched: silence is never calm. */
export function showCoverage(health) {
  const box = byId("coverage");
  const points = health.points ?? { total: 0, speaking: 0 };
  const gateways = health.gateways ?? { total: 0, online: 0 };
  const gaps = points.speaking < points.total || gateways.online < gateways.total || health.status !== "ok" || points.total === 0;
  box.classList.toggle("gaps", gaps);
  const reasons = (health.problems ?? []).map((problem) => `${problem.zh} ${problem.en}`).join("；");
  box.replaceChildren(
    ...both(`${gaps ? "⚠ 监视有缺口" : "✓ 监视完整"}：${points.total} 个监测点中 ${points.speaking} 个可信，${gateways.total} 台网关中 ${gateways.online} 台在线。`,
      `${gaps ? "Watching with gaps" : "All is watched"}: ${points.speaking} of ${points.total} points can speak, ${gateways.online} of ${gateways.total} gateways are online.`),
    reasons ? " " + reasons : "");
  byId("region").textContent = health.region ?? "";
}
