// What stands in red across the whole width while nothing can be recorded.

import { byId, moment } from "./draw.js";

/** Shows or hides the banner. Whether nothing can be recorded now. */
export function showFailing(health) {
  const since = health.commit_failing_since;
  byId("failing").hidden = !since;
  if (since) {
    byId("failing-since").replaceChildren(moment(since));
    const problem = health.problems.find((one) => one.code === "not-recorded");
    byId("failing-why").textContent = problem ? problem.zh.replace("数据无法入库。", "") : "";
  }
  return Boolean(since);
}
