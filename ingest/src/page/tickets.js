// Tickets: faults that are somebody's job, with the grid that owns them.

import { button, refusalBox, refusalOf } from "./act.js";
import { pathText } from "./alarms.js";
import { both, byId, facts, list, make, moment, tag } from "./draw.js";

const STATES = {
  "verify": ["warn", "待核实", "to verify"],
  "dispatch": ["warn", "待派单", "to dispatch"],
  "accept": ["bad", "待接单", "to accept"],
  "rectifying": ["warn", "整改中", "rectifying"],
  "recheck": ["warn", "待复查", "to recheck"],
  "suspended": ["soft", "挂账", "suspended"],
  "closed": ["good", "已结案", "closed"],
  "void": ["soft", "误报作废", "void"],
};

const SEVERITIES = {
  info: ["soft", "提示", "info"], general: ["warn", "一般", "general"],
  serious: ["bad", "突出", "serious"], major: ["bad", "重大", "major"],
};

const FLAGS = {
  overdue: ["已超时", "overdue"], listed: ["挂牌督办", "listed"],
  historical: ["历史", "historical"], "self-healed": ["已自愈", "self-healed"],
};

/** Shows the open tickets, the gravest first. */
export function showTickets(tickets) {
  const grave = ["major", "serious", "general", "info"];
  const open = tickets.map((ticket) => ({ ...ticket, refusal: refusalOf(ticket.id) }));
  open.sort((one, other) => grave.indexOf(one.severity) - grave.indexOf(other.severity)
    || String(other.opened).localeCompare(String(one.opened)));
  list(byId("tickets-list"), open, (ticket) => ticket.id, draw);
  byId("tickets-count").textContent = open.length;
}

/** Shows the tickets closed last. */
export function showClosed(tickets) {
  list(byId("closed-list"), tickets, (ticket) => ticket.id, draw);
  byId("closed-count").textContent = tickets.length;
}

function draw(ticket) {
  const state = STATES[ticket.state] ?? ["soft", ticket.state, ""];
  const done = ticket.state === "closed" || ticket.state === "void";
  const deadlines = ticket.deadlines ?? {};
  return make("article", { class: `card ${done ? "done" : ticket.severity}` },
    make("h3", {}, ...both(ticket.title ?? ticket.kind, ticket.title_en)),
    make("p", {}, [ticket.unit_name ?? ticket.unit ?? "未归属单位 unit unknown", ticket.label].filter(Boolean).join(" · ")),
    make("p", { class: "tags" }, tag(...state),
      tag(...(SEVERITIES[ticket.severity] ?? ["soft", ticket.severity, ""])),
      !done && ticket.proven && tag("good", "已证明恢复，可结案", "proven to be mended"),
      ...(ticket.flags ?? []).map((flag) => tag("warn", ...(FLAGS[flag] ?? [flag, ""])))),
    facts(
      ["责任网格", "grid", make("span", { class: "path" }, ticket.grid_path ? pathText(ticket.grid_path) : ticket.grid ?? "待归属")],
      ["监测对象", "subject", ticket.point ?? ticket.subject],
      ["原因", "why", ticket.reason?.zh ? make("span", {}, ...both(ticket.reason.zh, ticket.reason.en)) : ""],
      ["发现", "opened", moment(ticket.opened)],
      ["复发", "raised", ticket.recurrences > 1 ? `${ticket.recurrences} 次 times` : ""],
      ["接单期限", "accept by", ticket.state === "accept" ? moment(deadlines.accept) : ""],
      ["整改期限", "rectify by", done ? "" : moment(deadlines.rectify)],
      ["接单人", "accepted by", ticket.accepted ? make("span", {}, `${ticket.accepted.by} `, moment(ticket.accepted.at)) : ""],
      ["结案", "closed", ticket.closed ? make("span", {}, `${ticket.closed.by} `, moment(ticket.closed.at)) : ""],
      ["处置", "advice", done || !ticket.advice ? "" : make("span", {}, ...both(ticket.advice, ticket.advice_en))],
      ["联系", "contact", done ? "" : [ticket.contact, ticket.phone, ticket.address].filter(Boolean).join(" ")],
    ),
    make("div", { class: "act" }, done ? [] : actions(ticket)),
    refusalBox(ticket.refusal));
}

function actions(ticket) {
  const path = `tickets/${encodeURIComponent(ticket.id)}`;
  const accept = ticket.state === "accept" && button(ticket.id, `${path}/accept`, "main", "接单", "accept");
  const close = button(ticket.id, `${path}/close`, accept ? "" : "main", "结案", "close");
  return [accept, close].filter(Boolean);
}
