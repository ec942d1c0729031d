// Points: what is not normal or cannot speak, and the curves of the analog ones.

import { look } from "./centre.js";
import { curve, number } from "./curve.js";
import { both, byId, facts, list, make, moment, tag } from "./draw.js";

const HOUR_MS = 3600000;
const STEP = "30s";
const CURVE_EVERY_MS = 10000;

const QUALITIES = {
  "out-of-range": ["超量程", "out of range"], "sensor-fault": ["传感器故障", "sensor fault"], "stuck": ["数值停滞", "stuck"],
};

/** The curves fetched so far, by point. */
const curves = new Map();

/** Shows discrete points that are not normal, and every analog point with its curve. */
export function showPoints(notable, analog, total) {
  list(byId("notable-list"), notable, (point) => point.point, drawState);
  byId("points-count").textContent = total ?? "";
  showAnalog(analog);
}

function showAnalog(analog) {
  const shown = analog.map((point) => ({ ...point, curve: curves.get(point.point)?.at ?? 0 }));
  list(byId("curves-list"), shown, (point) => point.point, drawCurve);
}

/** Fetches the curves that are due, one after another so that a page is no burden. */
export async function fetchCurves(analog, now) {
  for (const point of analog) {
    const known = curves.get(point.point);
    if (known && now - known.at < CURVE_EVERY_MS) continue;
    const from = new Date(now - HOUR_MS).toISOString();
    const to = new Date(now + 60000).toISOString();
    const series = await look(`series?point=${encodeURIComponent(point.point)}&from=${from}&to=${to}&step=${STEP}`);
    curves.set(point.point, { at: now, series });
    showAnalog(analog);
  }
  const names = new Set(analog.map((point) => point.point));
  for (const name of curves.keys()) if (!names.has(name)) curves.delete(name);
}

function heading(point) {
  return [
    make("h3", {}, point.label || point.point),
    make("p", {}, point.unit_name ?? point.unit ?? point.gateway),
  ];
}

function sight(point) {
  if (point.sight?.state === "seen" && point.can_speak) return null;
  const why = point.why_not ?? { zh: "看不到", en: "not seen" };
  return make("p", { class: "tags" }, tag("bad", why.zh, why.en));
}

function quality(point) {
  const words = QUALITIES[point.quality];
  return words && make("p", { class: "tags" }, tag("warn", ...words));
}

/** State words under which people are in danger. */
const FIRE_CLASS = ["fire", "prealarm", "supervisory"];

function drawState(point) {
  const value = point.value ?? {};
  const burns = (value.text ?? "").split(" ").some((word) => FIRE_CLASS.includes(word));
  return make("article", { class: "card active" }, ...heading(point),
    make("p", { class: "tags" }, tag(burns ? "bad" : "warn", value.zh ?? "未知", value.text ?? "unknown")),
    sight(point), quality(point),
    facts(["时间", "since", moment(point.time)], ["监测点", "point", point.point]));
}

function drawCurve(point) {
  const value = point.value ?? {};
  const known = curves.get(point.point);
  const shown = value.shown === undefined ? "—" : `${number(value.shown)} ${value.shown_unit}`;
  return make("article", { class: point.can_speak ? "card online" : "card offline" }, ...heading(point),
    make("p", { class: "value" }, shown),
    sight(point), quality(point),
    known ? curve({ ...known.series, seen: point.sight?.state === "seen" }, known.at, HOUR_MS) : null,
    make("p", { class: "older" }, ...both(point.point, null), " ", moment(point.time)));
}
