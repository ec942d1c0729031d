// The page's one loop: follow the events of the centre, fetch what changed, say so when the
// centre is lost. Knows no rule and decides nothing.

import { whenActed } from "./act.js";
import { showAlarms } from "./alarms.js";
import { look } from "./centre.js";
import { showCoverage } from "./coverage.js";
import { both, byId, moment } from "./draw.js";
import { showFailing } from "./failing.js";
import { fetchEvidence, showGateways } from "./gateways.js";
import { fetchCurves, showPoints } from "./points.js";
import { showClosed, showTickets } from "./tickets.js";

const EVERY_MS = 1000;
/** Without an event everything is fetched again after so long, in case one was missed. */
const ANYWAY_MS = 5000;
/** After so long without an answer the page says that it is blind. */
const LOST_MS = 4000;
const CURVES_SHOWN = 24;
const NOTABLE_SHOWN = 60;

let after = null;
let fetched = 0;
let answered = performance.now();
let answeredAt = null;
let analog = [];
let drawing = false;
/** While nothing can be recorded no event tells what changed. */
let failing = false;
/** The recorded alarms of the last whole answer. */
let known = [];

async function round() {
  if (failing) await fetchUnrecorded();
  const events = await look(`events?limit=500${after === null ? "&latest=true" : `&after=${after}`}`);
  const changed = after !== events.next;
  if (changed || performance.now() - fetched > ANYWAY_MS) await fetchLists();
  // Only now: a centre that tells events but not its lists is lost as well.
  after = events.next;
  heard(events.now);
}

/** What needs no database: the centre's health, and alarms that are not recorded yet. */
async function fetchUnrecorded() {
  const [alarms, health] = await Promise.all([look("alarms?state=open&limit=1000"), look("health")]);
  failing = showFailing(health);
  // A database that cannot be read either leaves what was known before.
  const here = new Set(alarms.items.map((alarm) => alarm.id));
  showAlarms([...alarms.items, ...known.filter((alarm) => !here.has(alarm.id))]);
  showCoverage(health);
  heard(health.now);
}

async function fetchLists() {
  const [alarms, tickets, closed, health, gateways] = await Promise.all([
    look("alarms?state=open&limit=1000"), look("tickets?state=open&limit=200"),
    look("tickets?state=closed&limit=8"), look("health"), look("gateways?limit=500"),
  ]);
  await fetchEvidence();
  failing = showFailing(health);
  known = alarms.items.filter((alarm) => alarm.recorded !== false);
  showAlarms(alarms.items);
  showTickets(tickets.items);
  showClosed(closed.items);
  showGateways(gateways.items);
  cut("alarms", alarms); cut("tickets", tickets); cut("gateways", gateways);
  none("alarms", alarms.items, "没有未处理的报警。", "No open alarm. Whether that means calm stands above.");
  none("tickets", tickets.items, "没有未结工单。", "No open ticket.");
  none("gateways", gateways.items, "还没有网关。", "No gateway yet.");
  showCoverage(health);
  const [notable, routine] = await Promise.all([
    look(`points?notable=true&lane=urgent&limit=${NOTABLE_SHOWN}`), look(`points?lane=routine&limit=${CURVES_SHOWN}`),
  ]);
  analog = routine.items;
  showPoints(notable.items, analog, health.points?.total);
  cut("points", notable.next ? notable : routine);
  none("points", [...notable.items, ...analog], "还没有监测点。", "No point yet.");
  fetched = performance.now();
}

/** Says under a list that it is empty, or that it was cut. */
function none(name, items, zh, en) {
  const box = byId(`${name}-none`);
  if (items.length === 0) { box.hidden = false; box.replaceChildren(...both(zh, en)); }
}

function cut(name, answer) {
  const box = byId(`${name}-none`);
  box.hidden = !answer.next;
  if (answer.next) box.replaceChildren(...both("还有更多未显示。", "There are more than are shown here."));
}

function heard(now) {
  answered = performance.now();
  answeredAt = now;
  byId("contact-text").replaceChildren(...both("最后更新", "last update"));
  byId("now").replaceChildren(moment(now));
  byId("lost").hidden = true;
  document.body.classList.remove("is-lost");
}

function checkLost() {
  if (performance.now() - answered < LOST_MS || !byId("lost").hidden) return;
  byId("lost").hidden = false;
  document.body.classList.add("is-lost");
  byId("lost-since").replaceChildren(answeredAt ? moment(answeredAt) : "从未 never");
  document.title = "✕ 失去联系 LOST · 火网";
}

async function follow() {
  if (!drawing) {
    drawing = true;
    try {
      await round();
    } catch (error) {
      console.warn("No answer.", error);
      // Perhaps only the database is silent; a fire needs none to be told.
      if (!failing) await fetchUnrecorded().catch(() => {});
    }
    drawing = false;
  }
  checkLost();
  setTimeout(follow, EVERY_MS);
}

/** Curves have their own loop, so that a slow one never holds up an alarm. */
async function followCurves() {
  try { await fetchCurves(analog, Date.parse(answeredAt) || Date.now()); } catch { /* Told by the other loop. */ }
  setTimeout(followCurves, EVERY_MS);
}

whenActed(async () => {
  try { await fetchLists(); } catch { /* Told by the loop. */ }
});
setInterval(checkLost, EVERY_MS);
follow();
followCurves();
