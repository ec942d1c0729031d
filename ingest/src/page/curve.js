// Draws one curve as SVG: the spread of every step, its mean, and the limits of the rules.

const NAMESPACE = "http://www.w3.org/2000/svg";
const WIDTH = 360, HEIGHT = 130, LEFT = 44, RIGHT = 8, TOP = 10, BOTTOM = 20;

/** A curve of the last `span` milliseconds before `now`, from an answer of /series with a step. */
export function curve(series, now, span) {
  const factor = series.shown_factor ?? 1;
  const points = (series.buckets ?? []).filter((bucket) => bucket.mean !== null).map((bucket) => ({
    at: Date.parse(bucket.start), min: bucket.min * factor, mean: bucket.mean * factor, max: bucket.max * factor,
  }));
  const limits = (series.rule_limits ?? []).map((limit) => ({ ...limit, at: limit.value * factor }));
  const svg = shape("svg", { class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  svg.append(shape("rect", { class: "frame", x: LEFT, y: TOP, width: WIDTH - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM }));
  const [low, high] = range(points, limits);
  const x = (at) => LEFT + (WIDTH - LEFT - RIGHT) * Math.min(1, Math.max(0, 1 - (now - at) / span));
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low));
  svg.append(label(LEFT - 4, TOP + 8, "end", number(high)), label(LEFT - 4, HEIGHT - BOTTOM, "end", number(low)));
  svg.append(label(LEFT, HEIGHT - 6, "start", clock(now - span)), label(WIDTH - RIGHT, HEIGHT - 6, "end", clock(now)));
  const step = series.step_ms ?? 0;
  // A box sends what changed. Between two readings the value stood, as far as anyone knows:
  // thin and dotted, so that it is never taken for a measurement.
  for (const [index, point] of points.entries()) {
    const next = points[index + 1]?.at ?? (series.seen ? now : point.at);
    if (next - point.at > step * 1.5) {
      svg.append(shape("line", { class: "held", x1: x(point.at), x2: x(next), y1: y(point.mean), y2: y(point.mean) }));
    }
  }
  for (const piece of pieces(points, step)) {
    const there = piece.map((p) => `${x(p.at)},${y(p.max)}`);
    const back = piece.map((p) => `${x(p.at)},${y(p.min)}`).reverse();
    svg.append(shape("polygon", { class: "spread", points: [...there, ...back].join(" ") }));
    if (piece.length === 1) svg.append(shape("circle", { class: "dot", cx: x(piece[0].at), cy: y(piece[0].mean), r: 2 }));
    else svg.append(shape("polyline", { class: "mean", points: piece.map((p) => `${x(p.at)},${y(p.mean)}`).join(" ") }));
  }
  for (const [index, limit] of limits.entries()) {
    // Limits lie close together: their names stand at alternating ends.
    const [place, anchor] = index % 2 ? [LEFT + 4, "start"] : [WIDTH - RIGHT - 4, "end"];
    svg.append(shape("line", { class: "limit", x1: LEFT, x2: WIDTH - RIGHT, y1: y(limit.at), y2: y(limit.at) }));
    const name = label(place, y(limit.at) - 3, anchor, `${limit.zh ?? ""} ${number(limit.at)}`);
    name.setAttribute("class", "limit-name");
    svg.append(name);
  }
  const last = points.at(-1);
  const told = last ? `${series.label ?? series.point}: ${number(last.mean)} ${series.shown_unit ?? ""}` : "没有数据 no data";
  const title = shape("title", {});
  title.textContent = told;
  svg.prepend(title);
  if (!last) svg.append(label((LEFT + WIDTH) / 2, HEIGHT / 2, "middle", "没有数据 no data"));
  return svg;
}

/** Steps that follow each other; where readings are missing the line is broken. */
function pieces(points, step) {
  const pieces = [];
  for (const point of points) {
    const last = pieces.at(-1);
    if (last && point.at - last.at(-1).at <= step * 1.5) last.push(point);
    else pieces.push([point]);
  }
  return pieces;
}

/** The lowest and highest value shown, with some air. */
function range(points, limits) {
  const all = [...points.flatMap((p) => [p.min, p.max]), ...limits.map((limit) => limit.at)];
  if (all.length === 0) return [0, 1];
  const low = Math.min(0, ...all), high = Math.max(...all);
  return high > low ? [low, high + (high - low) * 0.1] : [low - 0.5, high + 0.5];
}

function label(x, y, anchor, text) {
  const element = shape("text", { x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
}

function shape(name, attributes) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** A number with as many decimals as it needs to be told apart. */
export function number(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "—";
  const size = Math.abs(value);
  const decimals = size === 0 || size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toFixed(decimals);
}

function clock(millis) {
  const at = new Date(millis);
  return `${String(at.getHours()).padStart(2, "0")}:${String(at.getMinutes()).padStart(2, "0")}`;
}
