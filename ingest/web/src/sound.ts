/**
 * The sound of an alarm that nobody has taken. Made here, so that it needs no file and no centre.
 *
 * A browser lets a page be heard only after somebody touched it. Until then the page says so:
 * `document.documentElement.dataset.sounding` is `true`, `blocked` or `false`.
 */

import { ref } from "vue";

const EVERY_MS = 1500;
/** A lost centre is told lower and less often than a fire. */
const LOST_EVERY = 10;
const ALARM: Tone[] = [[880, 0], [660, 0.25], [880, 0.5]];
const LOST: Tone[] = [[330, 0], [247, 0.35]];

type Tone = [pitch: number, after: number];

export type Wanted = "alarm" | "lost" | "none";
export type Sounding = "true" | "blocked" | "false";

/** Whether this browser lets the page be heard at all. */
export const mute = ref(true);
export const sounding = ref<Sounding>("false");

let context: AudioContext | null = null;
let wanted: Wanted = "none";
let rounds = 0;
let rhythm: ReturnType<typeof setInterval> | undefined;

/** What sounds from now on; its first tone now. */
export function sound(what: Wanted): void {
  if (what === wanted) return;
  wanted = what;
  rounds = 0;
  beginRhythm();
}

/** Somebody touched the page. */
export function wake(): void {
  if (typeof AudioContext === "undefined") return;
  context ??= new AudioContext();
  const before = context.state;
  // What waited for the touch is heard with it.
  context.resume().then(() => { if (before !== "running") beginRhythm(); }, show);
}

export function beginSound(): void {
  addEventListener("pointerdown", wake);
  addEventListener("keydown", wake);
  // A wall that is allowed to needs nobody to touch it.
  wake();
  beginRhythm();
}

/** A round now, and one every so often from now on. */
function beginRhythm(): void {
  clearInterval(rhythm);
  rhythm = setInterval(round, EVERY_MS);
  round();
}

function round(): void {
  show();
  beep();
}

function show(): void {
  mute.value = context === null || context.state !== "running";
  sounding.value = wanted !== "alarm" ? "false" : mute.value ? "blocked" : "true";
  document.documentElement.dataset.sounding = sounding.value;
}

function beep(): void {
  if (wanted === "none" || context === null || context.state !== "running") return;
  rounds += 1;
  if (wanted === "lost" && rounds % LOST_EVERY !== 1) return;
  for (const [pitch, after] of wanted === "alarm" ? ALARM : LOST) tone(context, pitch, after);
}

function tone(context: AudioContext, pitch: number, after: number): void {
  const voice = context.createOscillator();
  const loudness = context.createGain();
  const begin = context.currentTime + after;
  voice.type = "square";
  voice.frequency.value = pitch;
  loudness.gain.setValueAtTime(0.2, begin);
  loudness.gain.exponentialRampToValueAtTime(0.001, begin + 0.22);
  voice.connect(loudness).connect(context.destination);
  voice.start(begin);
  voice.stop(begin + 0.23);
}
