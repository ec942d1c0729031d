/**
 * What a curve shows, worked out from readings and from what the gateway vouched for. Pure.
 *
 * A box sends what changed: between two readings the value stood, as far as anyone knows, but
 * only where the box vouched for the time between. Where nobody did, the curve has a gap: a line
 * across it would be an invention.
 */

import type { Limit, Series, Stretch } from "../centre/shapes";

export interface Span { from: number; until: number }

/** A value at a moment; null breaks the line. */
export type At = [at: number, value: number | null];

export interface Curve {
  measured: At[];
  /** The value that stood between two readings: drawn dotted, never taken for a measurement. */
  held: At[];
  low: At[];
  high: At[];
  /** Stretches for which nobody vouched. */
  blind: Span[];
  limits: (Limit & { shown: number })[];
  unit: string;
  last: number | null;
}

/** Buckets may lie so much further apart than a step before the line is broken. */
const SLACK = 1.5;

export function curve(series: Series, stretches: Pick<Stretch, "from" | "until">[], from: number, to: number): Curve {
  const factor = series.shown_factor ?? 1;
  const step = series.step_ms;
  const blind = gaps(stretches, from, to, step);
  const buckets = series.buckets.flatMap((bucket) => (bucket.mean === null || bucket.min === null || bucket.max === null ? []
    : [{ at: Date.parse(bucket.start), min: bucket.min * factor, mean: bucket.mean * factor, max: bucket.max * factor }]));
  const drawn: Curve = {
    measured: [], held: [], low: [], high: [], blind,
    limits: (series.rule_limits ?? []).map((limit) => ({ ...limit, shown: limit.value * factor })),
    unit: series.shown_unit ?? series.unit ?? "",
    last: buckets.at(-1)?.mean ?? null,
  };
  buckets.forEach((bucket, place) => {
    const next = buckets[place + 1]?.at ?? to;
    const isLast = place === buckets.length - 1;
    drawn.measured.push([bucket.at, bucket.mean]);
    drawn.low.push([bucket.at, bucket.min]);
    drawn.high.push([bucket.at, bucket.max]);
    if (next - bucket.at <= step * SLACK) return;
    const end = Math.min(next, blind.find((gap) => gap.until > bucket.at && gap.from < next)?.from ?? next);
    if (end > bucket.at) drawn.held.push([bucket.at, bucket.mean], [end, bucket.mean], [end, null]);
    if (!isLast) for (const line of [drawn.measured, drawn.low, drawn.high]) line.push([bucket.at + 1, null]);
  });
  return drawn;
}

/** What lies between the stretches; shorter than a step it could not be seen. */
export function gaps(stretches: Pick<Stretch, "from" | "until">[], from: number, to: number, least: number): Span[] {
  const inOrder = stretches
    .map((stretch) => ({ from: Date.parse(stretch.from), until: Date.parse(stretch.until) }))
    .filter((stretch) => stretch.until >= from && stretch.from <= to)
    .sort((one, other) => one.from - other.from);
  const found: Span[] = [];
  let known = from;
  for (const stretch of inOrder) {
    if (stretch.from - known > least) found.push({ from: known, until: stretch.from });
    known = Math.max(known, stretch.until);
  }
  if (to - known > least) found.push({ from: known, until: to });
  return found;
}

/** How finely a range is asked for, so that a curve has some hundred steps. */
export function stepFor(range: number): string {
  const minutes = range / 60000;
  if (minutes <= 90) return "30s";
  if (minutes <= 400) return "2min";
  return minutes <= 1500 ? "10min" : "60min";
}
