// How much of the county is watched. Silence is never calm: an empty list of alarms means
// nothing without this line above it.

import { both, byId, make } from "./draw.js";

/** Problems under which nothing on this page can be believed. */
const GRAVE = ["judge-silent", "deaf", "not-recorded"];

/** Shows how much is watched, and what is wrong with the centre itself. */
export function showCoverage(health) {
  const box = byId("coverage");
  const points = health.points ?? { total: 0, speaking: 0 };
  const gateways = health.gateways;
  const gaps = points.speaking < points.total || gateways.online < gateways.total || health.status !== "ok" || points.total === 0;
  const problems = health.problems ?? [];
  const grave = problems.filter((problem) => GRAVE.includes(problem.code));
  box.classList.toggle("gaps", gaps);
  box.classList.toggle("grave", grave.length > 0);
  const told = (problem) => make("p", {}, GRAVE.includes(problem.code) ? make("b", {}, "✕ ", problem.zh) : problem.zh, make("span", { lang: "en" }, " " + problem.en));
  box.replaceChildren(
    ...both(`${gaps ? "⚠ 监视有缺口" : "✓ 监视完整"}：${points.total} 个监测点中 ${points.speaking} 个可信，${gateways.total} 台网关中 ${gateways.online} 台在线。`,
      `${gaps ? "Watching with gaps" : "All is watched"}: ${points.speaking} of ${points.total} points can speak, ${gateways.online} of ${gateways.total} gateways are online.`),
    ...problems.map(told));
  byId("region").textContent = [health.region_name, health.region].filter(Boolean).join(" ");
}
