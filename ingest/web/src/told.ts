/** How moments, lengths of time, numbers and places are written. Pure: knows no page. */

import { language } from "./words";
import type { GridPath, Level } from "./centre/shapes";

const LEVELS: Level[] = ["region", "large", "middle", "small"];

function two(number: number): string {
  return String(number).padStart(2, "0");
}

/** Hours, minutes and seconds; with the date if it is not the day of `now`. */
export function moment(iso: string | null | undefined, now = Date.now(), seconds = true): string {
  if (!iso) return "";
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  const time = `${two(at.getHours())}:${two(at.getMinutes())}${seconds ? `:${two(at.getSeconds())}` : ""}`;
  const today = new Date(now);
  if (today.toDateString() === at.toDateString()) return time;
  const year = today.getFullYear() === at.getFullYear() ? "" : `${at.getFullYear()}-`;
  return `${year}${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

/** A running clock: 00:42, 12:07, 3:05:09, and days beyond. */
export function running(millis: number): string {
  const seconds = Math.max(0, Math.floor(millis / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  const rest = `${two(minutes)}:${two(seconds % 60)}`;
  if (days > 0) return `${days}${language() === "zh" ? "天 " : "d "}${two(hours)}:${rest}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

const UNITS = { zh: ["秒", "分钟", "小时", "天"], en: [" s", " min", " h", " d"] };

/** How long, in the largest unit that says enough. */
export function lasting(millis: number | null | undefined): string {
  if (typeof millis !== "number" || !Number.isFinite(millis)) return "";
  const seconds = Math.round(Math.abs(millis) / 1000);
  const units = UNITS[language()];
  const join = language() === "zh" ? " " : "";
  if (seconds < 120) return `${seconds}${join}${units[0]}`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}${join}${units[1]}`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)}${join}${units[2]}`;
  return `${Math.round(seconds / 86400)}${join}${units[3]}`;
}

/** A number with as many decimals as it needs to be told apart. */
export function number(value: number | null | undefined): string {
  if (typeof value !== "number" || !Number.isFinite(value)) return "—";
  const size = Math.abs(value);
  return value.toFixed(size === 0 || size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** A count with separators. */
export function count(value: number | null | undefined): string {
  return typeof value === "number" ? value.toLocaleString("en-US") : "—";
}

/** Region › large › middle › small by their names, from the level `first` on. */
export function gridPath(path: GridPath | null | undefined, first: Level = "large"): string {
  if (!path) return "";
  return LEVELS.slice(LEVELS.indexOf(first)).map((level) => path[level]?.name).filter(Boolean).join(" › ");
}
