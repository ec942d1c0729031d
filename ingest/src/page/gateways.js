// Gateways: who speaks, how far each is behind, whose clock is not set; what is missing of each,
// what could not be read and who speaks twice open to their evidence.

import { button, refusalBox, refusalOf } from "./act.js";
import { look } from "./centre.js";
import { both, byId, facts, lasting, list, make, moment, tag } from "./draw.js";

/** Gateways whose evidence is open, with what was fetched of it. */
const opened = new Map();
/** Stretches of a lane that are shown, the newest. */
const STRETCHES = 6;
let shown = [];

/** Shows every gateway: conflicts and silent ones first, then those of which something is missing. */
export function showGateways(gateways) {
  shown = gateways;
  const entries = gateways.map((gateway) => ({
    ...gateway, evidence: opened.get(gateway.gateway) ?? null, refusal: refusalOf(gateway.gateway),
  }));
  entries.sort((one, other) => gravity(one) - gravity(other) || one.gateway.localeCompare(other.gateway));
  list(byId("gateways-list"), entries, (gateway) => gateway.gateway, draw);
  const online = gateways.filter((gateway) => gateway.online).length;
  byId("gateways-count").textContent = `${online} / ${gateways.length}`;
}

/** Fetches what is open again. */
export async function fetchEvidence() {
  await Promise.all([...opened.keys()].map(fetchOne));
}

function gravity(gateway) {
  if (gateway.conflict) return 0;
  if (!gateway.online) return 1;
  return gateway.holes + gateway.dead_letters > 0 ? 2 : 3;
}

async function fetchOne(id) {
  const name = encodeURIComponent(id);
  const gateway = shown.find((one) => one.gateway === id);
  try {
    const [one, holes, letters, conflict, urgent, routine] = await Promise.all([
      look(`gateways/${name}`), look(`holes?gateway=${name}&limit=10`), look(`dead-letters?gateway=${name}&limit=10`),
      gateway?.conflict ? look(`conflicts/${name}`) : null,
      look(`vouched?gateway=${name}&lane=urgent&limit=1000`), look(`vouched?gateway=${name}&lane=routine&limit=1000`),
    ]);
    const texts = await Promise.all(letters.items.slice(0, 3).map((letter) => look(`dead-letters/${encodeURIComponent(letter.id)}`)));
    if (opened.has(id)) opened.set(id, { blind: one.blind_devices, holes, letters, conflict, texts, vouched: { urgent, routine } });
  } catch { /* The loop tells that the centre is lost; what was fetched stays. */ }
}

async function toggle(id) {
  if (opened.has(id)) opened.delete(id);
  else {
    opened.set(id, {});
    await fetchOne(id);
  }
  showGateways(shown);
}

function draw(gateway) {
  const { spool, lanes, evidence } = gateway;
  const wants = ["urgent", "routine"].filter((lane) => lanes[lane].want_refresh !== null);
  return make("article", { class: (gateway.online && !gateway.conflict ? "card online" : "card offline") + (evidence === null ? "" : " wide") },
    make("h3", {}, gateway.gateway),
    make("p", {}, gateway.unit_name ?? gateway.unit ?? make("span", {}, ...both("待归属", "belongs to no unit yet"))),
    make("p", { class: "tags" },
      gateway.online ? tag("good", "在线", "online") : silence(gateway),
      gateway.conflict && tag("bad", "两台设备同一编号", "two boxes, one identity"),
      spool?.health === "failing" && tag("bad", "存储故障", "spool failing"),
      gateway.taken_over > 0 && tag("bad", `连接被抢占 ${gateway.taken_over} 次`, "another client took its connection"),
      gateway.refused_by_broker > 0 && tag("bad", `消息服务器拒收 ${gateway.refused_by_broker} 批`, "batches refused by the broker"),
      gateway.clock === "unsynced" && tag("warn", "时钟未同步", "clock not set"),
      gateway.holes > 0 && tag("warn", `缺口 ${gateway.holes}`, "holes"),
      gateway.dead_letters > 0 && tag("warn", `无法读取 ${gateway.dead_letters}`, "dead letters"),
      wants.length > 0 && tag("warn", "等待全量刷新", "refresh wanted")),
    facts(
      ["最后联系", "last heard", moment(gateway.last_heard)],
      ["紧急数据", "urgent lane", lag(lanes.urgent, gateway)],
      ["常规数据", "routine lane", lag(lanes.routine, gateway)],
      ["网关待送", "in its spool", spool ? `${spool.depth}${spool.depth > 0 ? ` · 最旧 oldest ${lasting(spool.age_ms)}` : ""}` : ""],
      ["时钟偏差", "clock offset", offset(gateway.clock_offset_ms)],
      ["冲突开始", "conflict since", moment(gateway.conflict)],
    ),
    make("div", { class: "act" },
      make("button", { type: "button", "aria-expanded": String(evidence !== null), on: () => toggle(gateway.gateway) },
        ...(evidence === null ? both("查看详情与证据", "details and evidence") : both("收起", "close"))),
      gateway.conflict && button(gateway.gateway, `gateways/${encodeURIComponent(gateway.gateway)}/settle`, "main",
        "已核实：以当前上报的设备为准", "checked: the box that speaks now is right")),
    refusalBox(gateway.refusal),
    evidence !== null && drawEvidence(gateway, evidence));
}

/** A gateway that does not speak: it had, it has not since the centre was started, or never. */
function silence({ last_heard: heard, lanes }) {
  if (heard) return tag("bad", "离线", "offline");
  const spoke = lanes.urgent.position !== null || lanes.routine.position !== null;
  return spoke ? tag("bad", "中心启动后未联系", "not heard since the centre was started") : tag("bad", "从未联系", "never heard");
}

/** How far the centre is behind what the box has; of a silent box nobody knows. */
function lag(lane, { online, conflict }) {
  if (lane.position === null && lane.head === null) return "";
  if (!online) return "离线，现状未知 silent: nobody knows";
  if (conflict) return "身份冲突，无法判断 two boxes: nobody knows";
  const words = [];
  if (lane.behind === 0) words.push("全部已收 all received");
  else if (lane.behind !== null) words.push(`差 ${lane.behind} 批 batches behind`);
  else if (lane.head !== null) words.push("正在补送早先数据 an earlier backlog is under way");
  if (lane.behind_ms !== null && lane.behind_ms > 15000) words.push(`研判滞后 judged ${lasting(lane.behind_ms)} behind`);
  return words.join(" · ");
}

function offset(millis) {
  if (typeof millis !== "number" || Math.abs(millis) < 2000) return "";
  return `${lasting(Math.abs(millis))}（网关${millis > 0 ? "慢" : "快"} the gateway is ${millis > 0 ? "slow" : "fast"}）`;
}

function drawEvidence(gateway, { blind, holes, letters, conflict, texts, vouched }) {
  if (!blind) return make("p", { class: "evidence" }, ...both("正在读取…", "reading …"));
  const lane = (name) => gateway.lanes[name];
  return make("div", { class: "evidence" },
    conflict && group("同一身份的另一台设备", "the other box", conflict.batches.map((batch) => item(
      `${batch.lane} ${batch.batch}`, batch.arrived, "", batch.text)), conflict.batches.length === 0),
    group("看不见的设备", "blind devices", blind.map((device) => item(
      device.device, device.since, `${device.points} 个监测点 points`)), blind.length === 0),
    group("缺口", "holes", holes.items.map((hole) => item(
      `${hole.kind_zh} ${hole.kind_en}`, hole.arrived, `${hole.lane} ${hole.told_by}${markerWords(hole.evidence?.told?.marker)}`, JSON.stringify(hole.evidence, null, 1))), holes.items.length === 0, holes.next),
    group("无法读取的数据", "dead letters", letters.items.map((letter) => item(
      letter.topic + (letter.index === null ? "" : ` #${letter.index}`), letter.arrived, letter.reason,
      texts.find((text) => text.id === letter.id)?.text)), letters.items.length === 0, letters.next),
    ...LANES.map(([name, zh, en]) => group(`有据可查的时段 · ${zh}`, `what was vouched for, ${en} lane`,
      vouched[name].items.slice(-STRETCHES).reverse().map(stretch), vouched[name].items.length === 0, vouched[name].next || vouched[name].items.length > STRETCHES)),
    group("时段", "spans", ["urgent", "routine"].flatMap((name) => lane(name).spans.slice(0, 4).map((span) => item(name, null, span))),
      lane("urgent").spans.length + lane("routine").spans.length === 0));
}

const LANES = [["urgent", "紧急", "urgent"], ["routine", "常规", "routine"]];

/** A stretch in which the lane was vouched for, and why nobody knows what was before it. */
function stretch({ from, until, gap_zh, gap_en }) {
  return make("li", {}, make("b", {}, moment(from), " – ", moment(until)), " ",
    make("span", { class: "older" }, `此前未知 unknown before: ${gap_zh} ${gap_en}`));
}

const REASONS = {
  "quota": "存储配额已满 quota reached", "damaged": "存储损坏 disk damaged",
  "refused": "消息服务器拒收 refused by the broker", "forgotten": "已按回执删除 forgotten on receipts",
};

/** What a marker says, in words. */
function markerWords(marker) {
  if (!marker) return "";
  const from = marker.first ? ` ← ${marker.first}` : "";
  const unlisted = marker.more?.fires ?? 0;
  const listed = (marker.fires ?? []).map((fire) => `${fire.n} ${fire.vs}`);
  const fires = [...listed, ...(unlisted > 0 ? [`另有 ${unlisted} 条未能列出 and ${unlisted} more that are not listed`] : [])].join("，");
  return `${from} · ${REASONS[marker.reason] ?? marker.reason}${fires ? ` · 其间火警 fires inside: ${fires}` : ""}`;
}

function group(zh, en, items, empty, more) {
  return make("section", {}, make("h4", {}, ...both(zh, en)),
    empty ? make("p", { class: "older" }, ...both("无", "none")) : make("ul", {}, items),
    more && make("p", { class: "older" }, ...both("还有更早的，见接口。", "There are older ones; ask the API.")));
}

function item(what, at, words, text) {
  return make("li", {}, make("b", {}, what), " ", at ? moment(at) : "", " ", words ?? "",
    text && make("pre", {}, text.length > 600 ? text.slice(0, 600) + "…" : text));
}
