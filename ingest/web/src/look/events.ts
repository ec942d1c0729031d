/** An event of the centre in a few words. */

import { centre } from "../centre/store";
import { say } from "../words";
import type { CentreEvent } from "../centre/shapes";

const KNOWN = ["alarm", "ticket", "note", "hole", "gateway", "registry", "incident"] as const;

export type EventWord = (typeof KNOWN)[number] | "other";

export function eventWord(event: CentreEvent): EventWord {
  return (KNOWN as readonly string[]).includes(event.kind) ? (event.kind as EventWord) : "other";
}

/** What every step is called. The centre's own words for it stand in the history of the thing. */
const STEPS: Record<string, [zh: string, en: string]> = {
  raised: ["发生", "raised"], confirmed: ["已由读数证实", "confirmed"], escalated: ["逐级上报", "went one level up"], calmed: ["恢复", "calm again"],
  returned: ["退回", "handed back"], "raised-again": ["再次发生", "raised once more"], relapsed: ["再次发生", "raised again"], acknowledged: ["已确认", "acknowledged"], closed: ["已关闭", "closed"],
  opened: ["立案", "opened"], "passed-over": ["该级无人，直接上移", "nobody there: passed over"], "rule-changed": ["规则已变更", "rule changed"],
  "further-step": ["进一步恶化", "became worse"], "step-cleared": ["部分恢复", "partly returned"], moved: ["划归其他网格", "moved to another grid"], "look-again": ["督办复查到期", "supervision due"], accepted: ["已接单", "accepted"], submitted: ["已提交复查", "submitted"], proven: ["已证明恢复", "proven mended"],
  "handed-over": ["已移交", "handed over"], voided: ["作废", "void"], reopened: ["重新打开", "reopened"], folded: ["归并", "folded"],
  unfolded: ["解除归并", "unfolded"], overdue: ["超时", "overdue"], listed: ["挂牌督办", "supervised"], retired: ["点位已变更", "point changed"],
  "self-healed": ["自愈", "healed by itself"], cleared: ["恢复", "cleared"], recurred: ["复发", "recurred"],
};

/** The name of a step of a history, in the language of the page. */
export function stepWord(what: string): string {
  const step = STEPS[what];
  return step ? say(...step) : what;
}

/** Where, and what became of it. */
export function eventText(event: CentreEvent): string {
  const body = event.body;
  const text = (name: string) => (typeof body[name] === "string" ? (body[name] as string) : "");
  const alarm = centre.alarms.find((one) => one.id === body.id);
  const ticket = alarm ? undefined : centre.tickets.find((one) => one.id === body.id);
  const thing = alarm ?? ticket;
  const unit = thing?.unit_name ?? (unitName(text("unit")) || unitOf(text("gateway") || text("subject").split("/")[0] || ""));
  const what = thing ? say(thing.title, thing.title_en) : "";
  // A note stands on no list; its own words say what it is about.
  const note = thing || event.kind !== "note" ? "" : say(text("zh"), text("en") || text("subject"));
  return [unit, what, stepWord(text("what")), note].filter(Boolean).join(" ");
}

function unitOf(gateway: string): string {
  return centre.gateways.find((one) => one.gateway === gateway)?.unit_name ?? gateway;
}

function unitName(id: string): string {
  return centre.gateways.find((gateway) => gateway.unit === id)?.unit_name ?? id;
}
