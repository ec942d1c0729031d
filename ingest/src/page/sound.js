// The sound of an alarm that nobody has taken. Made here, so that it needs no file and no centre.

import { both, byId } from "./draw.js";

const EVERY_MS = 1500;
const BEEPS = [[880, 0], [660, 0.25], [880, 0.5]];

let context = null;
let sounding = false;

/** A browser lets a page be heard only after somebody touched it; until then the page says so. */
function wake() {
  if (!("AudioContext" in window)) return;
  context ??= new AudioContext();
  context.resume().then(showMute, showMute);
}

function showMute() {
  const mute = context === null || context.state !== "running";
  byId("sound").hidden = !mute;
}

/** Whether something sounds from now on. */
export function sound(on) {
  sounding = on;
}

function beep() {
  if (!sounding || context === null || context.state !== "running") return;
  for (const [pitch, after] of BEEPS) {
    const tone = context.createOscillator();
    const loudness = context.createGain();
    const begin = context.currentTime + after;
    tone.type = "square";
    tone.frequency.value = pitch;
    loudness.gain.setValueAtTime(0.2, begin);
    loudness.gain.exponentialRampToValueAtTime(0.001, begin + 0.22);
    tone.connect(loudness).connect(context.destination);
    tone.start(begin);
    tone.stop(begin + 0.23);
  }
}

byId("sound").replaceChildren(...both("✕ 声音未开启，请点击", "sound is off: touch here"));
byId("sound").addEventListener("click", wake);
addEventListener("pointerdown", wake);
addEventListener("keydown", wake);
showMute();
// A wall that is allowed to needs nobody to touch it.
wake();
setInterval(() => { showMute(); beep(); }, EVERY_MS);
