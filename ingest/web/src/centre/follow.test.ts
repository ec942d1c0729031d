/** Following misses nothing and doubles nothing, however the connection fares. */

import { beforeEach, describe, expect, it } from "vitest";

import { follow, type World } from "./follow";
import { Refusal } from "./ask";
import type { CentreEvent, Events } from "./shapes";

/** A centre in this process: it keeps events, and hands out streams and answers. */
class Centre {
  events: CentreEvent[] = [];
  streams: Stream[] = [];
  live = true;
  there = true;
  /** What it answers instead of events. */
  refuses: number | null = null;
  asked: string[] = [];
  private timers: { at: number; then: () => void }[] = [];
  private time = 0;

  happen(count = 1): void {
    for (let n = 0; n < count; n += 1) {
      const id = (this.events.at(-1)?.id ?? 0) + 1;
      this.events.push({ id, kind: "alarm", at: "2026-01-01T00:00:00.000Z", body: {} });
    }
    for (const stream of this.streams) stream.tell(this);
  }

  world(): World {
    return {
      open: (url) => {
        this.asked.push(url);
        const stream = new Stream(Number(new URL(url, "http://x/").searchParams.get("after")));
        if (this.live && this.there) this.streams.push(stream);
        else queueMicrotask(() => stream.onerror?.());
        queueMicrotask(() => stream.tell(this));
        return stream as unknown as EventSource;
      },
      events: async ({ after, latest }) => {
        if (!this.there) throw new TypeError("no answer");
        if (this.refuses !== null) throw new Refusal(this.refuses, { zh: "不", en: "no" });
        const last = this.events.at(-1)?.id ?? 0;
        const answer: Events = { items: [], next: String(last), gap: false, now: "2026-01-01T00:00:00.000Z" };
        if (latest) return answer;
        if (Number(after) > last) return { ...answer, gap: true };
        return { ...answer, items: this.events.filter((event) => event.id > Number(after)) };
      },
      wait: (millis, then) => {
        const timer = { at: this.time + millis, then };
        this.timers.push(timer);
        return () => { this.timers = this.timers.filter((one) => one !== timer); };
      },
    };
  }

  /** Lets time pass, and everything that waits for it. */
  async pass(millis: number): Promise<void> {
    const until = this.time + millis;
    for (;;) {
      await settle();
      const due = this.timers.filter((timer) => timer.at <= until).sort((one, other) => one.at - other.at)[0];
      if (due === undefined) break;
      this.timers = this.timers.filter((one) => one !== due);
      this.time = due.at;
      due.then();
    }
    this.time = until;
    await settle();
  }

  cut(): void {
    for (const stream of this.streams.splice(0)) stream.onerror?.();
  }
}

class Stream {
  onerror: (() => void) | null = null;
  closed = false;
  private listeners = new Map<string, (message: MessageEvent<string>) => void>();
  constructor(private after: number) {}
  addEventListener(kind: string, listener: (message: MessageEvent<string>) => void): void { this.listeners.set(kind, listener); }
  close(): void { this.closed = true; }
  say(kind: string, data: unknown, id = ""): void {
    if (!this.closed) this.listeners.get(kind)?.({ data: JSON.stringify(data), lastEventId: id } as MessageEvent<string>);
  }
  tell(centre: Centre): void {
    if (this.closed || !centre.streams.includes(this)) return;
    for (const event of centre.events.filter((one) => one.id > this.after)) {
      this.after = event.id;
      this.say(event.kind, event, String(event.id));
    }
    this.say("pulse", { now: "2026-01-01T00:00:00.000Z", last: String(this.after) });
  }
}

async function settle(): Promise<void> {
  for (let round = 0; round < 20; round += 1) await Promise.resolve();
}

let centre: Centre;
let ids: number[];
let gaps: number;
let pulses: number;
let failures: number;

function start(): () => void {
  return follow({
    event: (event) => ids.push(event.id),
    gap: () => { gaps += 1; },
    pulse: () => { pulses += 1; },
    failed: () => { failures += 1; },
  }, centre.world());
}

beforeEach(() => { centre = new Centre(); ids = []; gaps = 0; pulses = 0; failures = 0; });

const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, place) => first + place);

describe("following the centre", () => {
  it("tells what happens, each once and in order", async () => {
    const stop = start();
    await centre.pass(100);
    centre.happen(3);
    await centre.pass(100);
    expect(ids).toEqual([1, 2, 3]);
    expect(gaps).toBe(1);
    stop();
  });

  it("begins with the last few and not with the beginning of time", async () => {
    centre.happen(500);
    const stop = start();
    await centre.pass(100);
    expect(ids).toEqual(upTo(500, 471));
    stop();
  });

  it("resumes after the last event when the stream breaks", async () => {
    const stop = start();
    await centre.pass(100);
    centre.happen(2);
    centre.there = false;
    centre.cut();
    centre.happen(5);
    await centre.pass(5000);
    expect(failures).toBeGreaterThan(0);
    expect(ids).toEqual([1, 2]);
    centre.there = true;
    await centre.pass(5000);
    expect(ids).toEqual(upTo(7));
    stop();
  });

  it("opens a stream anew on which nothing is said", async () => {
    const stop = start();
    await centre.pass(100);
    centre.happen(1);
    centre.streams = [];
    centre.happen(2);
    await centre.pass(20000);
    expect(ids).toEqual([1, 2, 3]);
    stop();
  });

  it("asks a centre that has no stream, and misses nothing either", async () => {
    centre.live = false;
    const stop = start();
    await centre.pass(100);
    centre.happen(4);
    await centre.pass(1500);
    centre.happen(1);
    await centre.pass(1500);
    expect(ids).toEqual(upTo(5));
    expect(pulses).toBeGreaterThan(2);
    stop();
  });

  it("tells a gap when events are not kept any more", async () => {
    const stop = start();
    await centre.pass(100);
    centre.streams[0]?.say("gap", { next: "40" }, "40");
    centre.events = [{ id: 41, kind: "ticket", at: "", body: {} }];
    centre.streams[0]?.tell(centre);
    expect(gaps).toBe(2);
    expect(ids).toEqual([41]);
    stop();
  });

  it("begins anew with a centre that was set up anew", async () => {
    centre.happen(9);
    const stop = start();
    await centre.pass(100);
    expect(ids).toEqual(upTo(9));
    centre.cut();
    centre.events = [];
    centre.happen(1);
    await centre.pass(1500);
    expect(gaps).toBe(2);
    centre.happen(1);
    await centre.pass(100);
    expect(ids.at(-1)).toBe(2);
    stop();
  });

  it("is over when it is stopped", async () => {
    const stop = start();
    await centre.pass(100);
    stop();
    centre.happen(1);
    await centre.pass(60000);
    expect(ids).toEqual([]);
  });

  it("does not take a centre without events for one that is lost, but one that fails", async () => {
    centre.live = false;
    const stop = start();
    await centre.pass(1500);
    const told = async () => { failures = 0; pulses = 0; await centre.pass(3000); return { failed: failures > 0, pulsed: pulses > 0 }; };
    expect(await told()).toEqual({ failed: false, pulsed: true });
    centre.refuses = 404;
    expect(await told()).toEqual({ failed: false, pulsed: false });
    centre.refuses = 503;
    expect(await told()).toEqual({ failed: true, pulsed: false });
    centre.refuses = null;
    expect(await told()).toEqual({ failed: false, pulsed: true });
    stop();
  });
});
