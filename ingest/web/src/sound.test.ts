/** An alarm is heard at once, and for as long as it is wanted. */

import { afterEach, beforeEach, expect, it, vi } from "vitest";

class Ear {
  static tones: number[] = [];
  static allowed = true;
  state = Ear.allowed ? "running" : "suspended";
  currentTime = 0;
  destination = {};
  async resume(): Promise<void> { if (Ear.allowed) this.state = "running"; }
  createGain(): unknown { return { gain: { setValueAtTime() {}, exponentialRampToValueAtTime() {} }, connect: (to: unknown) => to }; }
  createOscillator(): unknown {
    const frequency = { value: 0 };
    return { type: "", frequency, connect: (to: unknown) => to, start: () => Ear.tones.push(frequency.value), stop() {} };
  }
}

async function page(allowed = true): Promise<typeof import("./sound")> {
  Ear.tones = [];
  Ear.allowed = allowed;
  vi.resetModules();
  const sound = await import("./sound");
  sound.beginSound();
  await vi.advanceTimersByTimeAsync(0);
  return sound;
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("AudioContext", Ear);
  vi.stubGlobal("addEventListener", () => {});
  vi.stubGlobal("document", { documentElement: { dataset: {} }, createElement: () => ({}) });
});
afterEach(() => { vi.useRealTimers(); vi.unstubAllGlobals(); });

it("the first tone sounds with the alarm, not a round later", async () => {
  const { sound } = await page();
  expect(Ear.tones).toEqual([]);
  sound("alarm");
  expect(Ear.tones).toEqual([880, 660, 880]);
  await vi.advanceTimersByTimeAsync(1499);
  expect(Ear.tones.length).toBe(3);
  await vi.advanceTimersByTimeAsync(1);
  expect(Ear.tones.length).toBe(6);
});

it("a fire after a lost centre is heard at once as well", async () => {
  const { sound } = await page();
  sound("lost");
  expect(Ear.tones).toEqual([330, 247]);
  sound("alarm");
  expect(Ear.tones.slice(2)).toEqual([880, 660, 880]);
});

it("what the browser held back is heard with the touch that allows it", async () => {
  const { sound, sounding, wake } = await page(false);
  sound("alarm");
  expect([Ear.tones, sounding.value]).toEqual([[], "blocked"]);
  Ear.allowed = true;
  wake();
  await vi.advanceTimersByTimeAsync(0);
  expect([Ear.tones, sounding.value]).toEqual([[880, 660, 880], "true"]);
  wake();
  await vi.advanceTimersByTimeAsync(0);
  expect(Ear.tones.length).toBe(3);
});

it("nothing sounds once it is taken", async () => {
  const { sound } = await page();
  sound("alarm");
  sound("none");
  await vi.advanceTimersByTimeAsync(60000);
  expect(Ear.tones.length).toBe(3);
});
