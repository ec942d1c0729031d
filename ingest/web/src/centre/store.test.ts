/** What the store makes of a centre that answers in part, late or not at all. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Alarm } from "./shapes";

type Answer = { status?: number; body: unknown };

const NOW = "2026-01-01T00:00:00.000Z";
const CALM = { status: "ok", problems: [] as { code: string }[], now: NOW, version: "1", commit_failing_since: null as string | null, gateways: { total: 2, online: 2 }, points: { total: 9, speaking: 9 } };
const fire = (id: string, recorded = true) => ({ id, kind: "fire", state: "active-unacked", raised: NOW, arrived: NOW, marks: [], recorded }) as unknown as Alarm;
const list = (items: unknown[], next: string | null = null) => ({ body: { items, next } });

/** A centre of which every resource answers what stands here; what does not stand here is not there. */
let centre: Record<string, (after: string | null) => Answer>;
let asked: string[];

async function opened(): Promise<typeof import("./store")> {
  const store = await import("./store");
  store.begin();
  await vi.advanceTimersByTimeAsync(1000);
  return store;
}

const times = (resource: string) => asked.filter((one) => one === resource).length;

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers();
  asked = [];
  centre = {
    alarms: () => list([]), tickets: () => list([]), gateways: () => list([]), coverage: () => list([]), health: () => ({ body: CALM }),
    events: () => ({ body: { items: [], next: "0", gap: false, now: NOW } }),
  };
  vi.stubGlobal("EventSource", class { addEventListener(): void {} close(): void {} });
  vi.stubGlobal("fetch", async (url: string) => {
    const { pathname, searchParams } = new URL(url, "http://centre/");
    const resource = pathname.replace("/api/v1/", "");
    asked.push(resource);
    const { status = 200, body } = centre[resource]?.(searchParams.get("after")) ?? { status: 404, body: {} };
    return new Response(JSON.stringify(body), { status });
  });
});

afterEach(() => { vi.useRealTimers(); vi.unstubAllGlobals(); });

describe("the open alarms", () => {
  /** Alarms that were known, an answer after it, and what stands then. */
  async function check(known: Alarm[], then: () => void, stand: string[]): Promise<void> {
    centre.alarms = () => list(known);
    const store = await opened();
    then();
    await store.again("health");
    await store.again("alarms");
    expect(store.centre.alarms.map((alarm) => alarm.id).sort()).toEqual(stand);
  }

  it("are shown though the database answers nothing else", () => check([], () => {
    for (const resource of ["incidents", "tickets", "coverage", "gateways"]) centre[resource] = () => ({ status: 503, body: {} });
    centre.alarms = () => list([fire("a", false)]);
  }, ["a"]));

  it("stay beside those that are not recorded while the database cannot be read", () => check([fire("a")], () => {
    centre.alarms = () => list([fire("b", false)]);
  }, ["a", "b"]));

  it("stay while nothing can be recorded, or the judge does not answer", async () => {
    await check([fire("a", false)], () => {
      centre.alarms = () => list([]);
      centre.health = () => ({ body: { ...CALM, commit_failing_since: NOW } });
    }, ["a"]);
    vi.resetModules();
    centre.health = () => ({ body: CALM });
    await check([fire("a", false)], () => {
      centre.alarms = () => list([fire("b")]);
      centre.health = () => ({ body: { ...CALM, problems: [{ code: "judge-silent" }] } });
    }, ["a", "b"]);
  });

  it("are shown as far as they came when the list breaks off, beside what was known", () => check([fire("a")], () => {
    centre.alarms = (after) => (after === null ? list([fire("b")], "2") : { status: 503, body: {} });
  }, ["a", "b"]));

  it("leave when a whole answer no longer tells of them", () => check([fire("a"), fire("b")], () => {
    centre.alarms = () => list([fire("b")]);
  }, ["b"]));
});

describe("a list that cannot be read", () => {
  it("is tried again once a second, however often it was asked for meanwhile", async () => {
    const store = await opened();
    centre.tickets = () => ({ status: 503, body: {} });
    for (let n = 0; n < 5; n += 1) {
      await store.again("tickets");
      await vi.advanceTimersByTimeAsync(180);
    }
    const before = times("tickets");
    await vi.advanceTimersByTimeAsync(5000);
    expect(times("tickets") - before).toBeLessThanOrEqual(5);
    expect(times("tickets") - before).toBeGreaterThanOrEqual(3);
  });

  it("does not hold up another, and is not left for another that answers", async () => {
    const store = await opened();
    centre.tickets = () => ({ status: 503, body: {} });
    centre.gateways = () => ({ status: 503, body: {} });
    await Promise.all([store.again("tickets"), store.again("gateways")]);
    centre.gateways = () => list([{ gateway: "g", online: true }]);
    centre.tickets = () => list([{ id: "t" }]);
    await vi.advanceTimersByTimeAsync(1500);
    expect([store.centre.gateways.length, store.centre.tickets.length]).toEqual([1, 1]);
  });
});

it("that a box fell silent is read from the counts of health, without an event", async () => {
  const store = await opened();
  await vi.advanceTimersByTimeAsync(1000);
  centre.health = () => ({ body: { ...CALM, gateways: { total: 2, online: 1 } } });
  centre.gateways = () => list([{ gateway: "g", online: false }]);
  const before = times("coverage");
  await store.again("health");
  await vi.advanceTimersByTimeAsync(500);
  expect(store.centre.gateways.map((gateway) => gateway.online)).toEqual([false]);
  expect(times("coverage")).toBe(before + 1);
});
