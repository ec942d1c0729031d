// Alarms: what an operator must handle now. Fires first, large, and in words.

import { button, refusalBox, refusalOf } from "./act.js";
import { both, byId, facts, list, make, moment, tag } from "./draw.js";
import { sound } from "./sound.js";

const STATES = {
  "active-unacked": ["bad", "未确认", "not acknowledged"],
  "active-acked": ["warn", "已确认，仍在报警", "acknowledged, still active"],
  "returned-unacked": ["bad", "已恢复，未确认", "returned, not acknowledged"],
  "returned-acked": ["warn", "已恢复，待定性", "returned, awaits verdict"],
  "closed": ["soft", "已关闭", "closed"],
};

const MARKS = {
  historical: ["历史", "historical"],
  shielded: ["屏蔽", "shielded"],
  testing: ["测试", "testing"],
  provisional: ["心跳上报", "told by a heartbeat"],
};

const VERDICTS = [
  ["real", "真实火警", "real fire"], ["false", "误报", "false"], ["test", "测试", "test"], ["drill", "演练", "drill"],
];

/** Shows the alarms that are not closed. */
export function showAlarms(alarms) {
  const open = alarms.map((alarm) => ({ ...alarm, refusal: refusalOf(alarm.id) }));
  const urgency = (alarm) => (alarm.kind === "fire" ? 0 : 2) + (unacked(alarm) ? 0 : 1);
  open.sort((one, other) => urgency(one) - urgency(other) || String(other.raised).localeCompare(String(one.raised)));
  list(byId("alarms-list"), open, (alarm) => alarm.id, draw);
  byId("alarms-count").textContent = open.length;
  const fires = open.filter((alarm) => alarm.kind === "fire" && unacked(alarm)).length;
  sound(open.some(unacked));
  document.title = fires > 0 ? `▲${fires} 火警 FIRE · 火网` : "火网 Firegrid";
}

function unacked(alarm) {
  return alarm.state === "active-unacked" || alarm.state === "returned-unacked";
}

function draw(alarm) {
  const fire = alarm.kind === "fire";
  const [kind, zh, en] = STATES[alarm.state] ?? ["soft", alarm.state, ""];
  const classes = ["card", fire ? "fire" : "active", unacked(alarm) ? "unacked" : "taken"].join(" ");
  const place = [alarm.unit_name ?? alarm.unit ?? "未归属单位 unit unknown", alarm.label || alarm.point].filter(Boolean).join(" · ");
  return make("article", { class: classes },
    make("h3", {}, ...both(alarm.title ?? alarm.kind, alarm.title_en)),
    make("p", { class: "place" }, place),
    make("p", { class: "tags" }, tag(kind, zh, en),
      alarm.recorded === false && tag("bad", "未入库", "not yet recorded"),
      ...(alarm.marks ?? []).map((mark) => tag("warn", ...(MARKS[mark] ?? [mark, ""])))),
    facts(
      ["时间", "raised", make("span", {}, moment(alarm.raised), alarm.arrived ? "（到达 arrived " : "", moment(alarm.arrived), alarm.arrived ? "）" : "")],
      ["恢复", "returned", alarm.returned ? moment(alarm.returned) : ""],
      ["地址", "address", alarm.address],
      ["联系", "contact", [alarm.contact, alarm.phone].filter(Boolean).join(" ")],
      ["网格", "grid", alarm.grid_path ? pathText(alarm.grid_path) : alarm.grid],
      ["监测点", "point", alarm.point ?? alarm.gateway],
      ["原因", "why", alarm.reason?.zh ? make("span", {}, ...both(alarm.reason.zh, alarm.reason.en)) : ""],
      ["确认", "acknowledged", alarm.acknowledged ? make("span", {}, `${alarm.acknowledged.by} `, moment(alarm.acknowledged.at)) : ""],
    ),
    make("div", { class: "act" }, actions(alarm)),
    refusalBox(alarm.refusal));
}

function actions(alarm) {
  if (unacked(alarm)) return [button(alarm.id, `alarms/${encodeURIComponent(alarm.id)}/acknowledge`, "main", "确认", "acknowledge")];
  if (alarm.state !== "returned-acked") return [];
  const choice = make("select", { "aria-label": "定性 verdict" },
    make("option", { value: "" }, "请定性 choose a verdict"),
    VERDICTS.map(([value, zh, en]) => make("option", { value }, `${zh} ${en}`)));
  return [choice, button(alarm.id, `alarms/${encodeURIComponent(alarm.id)}/close`, "main", "定性并关闭", "close", () => ({ verdict: choice.value }), () => {
    if (choice.value === "") choice.focus();
    return choice.value !== "";
  })];
}

/** Region › large › middle › small, by their names. */
export function pathText(path) {
  return ["region", "large", "middle", "small"].map((level) => path[level]?.name).filter(Boolean).join(" › ");
}
