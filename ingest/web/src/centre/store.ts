/**
 * What every page shows: the open alarms, tickets, gateways and coverage of the centre, followed
 * as they change, and whether the centre is there at all.
 *
 * Each list is replaced as a whole by the centre's own answer, so that it can neither miss nor
 * double anything; an event only says which list is out of date. Silence is never calm: lists
 * that are old are marked by `contact`, not emptied.
 */

import { computed, reactive } from "vue";

import { beside, isWhole } from "./alarms";
import { all, BrokenOff, ifThere, look } from "./ask";
import { BROWSER, follow } from "./follow";
import { sayClock } from "./clock";
import { centreIsBack, sawVersion } from "./renewal";
import { mustBeHeard } from "./sounding";
import type { Alarm, CentreEvent, Coverage, Demo, Gateway, Health, Listed, Ticket } from "./shapes";

/** Without a word for so long the centre is lost. It pulses every five seconds. */
export const LOST_MS = 12000;
/** A centre that refuses to answer is lost sooner than one that is silent; one hiccup is neither. */
const REFUSED_MS = 3000;
/** Without an event everything is read again after so long, in case one was missed. */
const ANYWAY_MS = 30000;
/** Health tells what no event can: that nothing is recorded, that gateways are silent. */
const HEALTH_MS = 5000;
/** While nothing can be recorded no event tells of new alarms. */
const UNRECORDED_MS = 1000;
/** Changes that come together are read together. */
const GATHER_MS = 150;
/** A list that could not be read is tried again. */
const RETRY_MS = 1000;
/** What happened lately, as the wall shows it. */
export const FEED_KEPT = 60;

export type Topic = "alarms" | "tickets" | "gateways" | "coverage" | "health" | "demo";

const TOPICS: Topic[] = ["alarms", "tickets", "gateways", "coverage", "health", "demo"];

/** Which lists an event puts out of date. */
const TOUCHED: Record<string, Topic[]> = {
  alarm: ["alarms", "coverage"],
  incident: ["alarms", "coverage"],
  ticket: ["tickets", "coverage"],
  note: [],
  hole: ["gateways"],
  gateway: ["gateways", "coverage", "health"],
  registry: ["gateways", "coverage", "tickets"],
};

export type Contact =
  | { state: "connecting" }
  | { state: "here"; heardAt: string }
  | { state: "lost"; since: string | null };

export const centre = reactive({
  contact: { state: "connecting" } as Contact,
  health: null as Health | null,
  alarms: [] as Alarm[],
  tickets: [] as Ticket[],
  gateways: [] as Gateway[],
  /** Null where the centre does not tell its coverage by grid. */
  coverage: null as Coverage[] | null,
  demo: null as Demo | null,
  /** Lists that did not end within their bound. */
  cut: { alarms: false, tickets: false, gateways: false },
  /** Whether each list was read at least once. */
  read: { alarms: false, tickets: false, gateways: false },
  feed: [] as CentreEvent[],
});

/** Grows with every change of a kind, for pages that hold more than the store does. */
export const changes = reactive({ alarm: 0, ticket: 0, gateway: 0, registry: 0, gap: 0 });

/** Whether anything must be heard now. */
export const sounds = computed(() => mustBeHeard(centre.alarms));

export const lost = computed(() => centre.contact.state === "lost");

/** What is to be read with the next gathering. */
const dirty = new Set<Topic>();
/** What is being read now, and what has changed since that began. */
const reading = new Map<Topic, Promise<void>>();
const changed = new Set<Topic>();
let heard = 0;
let heardAt: string | null = null;
/** Lists that have not been read since the page began, lost the centre or missed events. */
const owed = new Set<Topic>(TOPICS);
/** Since when a list cannot be read. */
const failing = new Map<Topic, number>();
/** When each list that failed is tried again: one timer each, however often it fails. */
const retries = new Map<Topic, ReturnType<typeof setTimeout>>();
/** Whether the centre could not be reached since it last spoke. */
let missed = false;
/** Since when it cannot be reached at all. */
let refusedSince: number | null = null;
let readAll = 0;
let readHealth = 0;
let readUnrecorded = 0;
let timer: ReturnType<typeof setTimeout> | null = null;

/** Begins to follow; once, for the life of the page. */
export function begin(): void {
  heard = performance.now();
  follow({
    event(event) {
      const newest = centre.feed[0];
      // A centre set up anew counts from the beginning again.
      if (newest !== undefined && event.id <= newest.id) centre.feed = [];
      centre.feed.unshift(event);
      centre.feed.length = Math.min(centre.feed.length, FEED_KEPT);
      if (event.kind in changes) changes[event.kind as keyof typeof changes] += 1;
      soon(TOUCHED[event.kind] ?? TOPICS);
    },
    gap() {
      changes.gap += 1;
      readAgain();
    },
    pulse(now) {
      sayClock(now);
      heardAt = now;
      heard = performance.now();
      refusedSince = null;
      if (missed) { missed = false; readAgain(); centreIsBack(); }
      tellContact();
    },
    failed() {
      missed = true;
      refusedSince ??= performance.now();
      tellContact();
    },
  }, BROWSER);
  setInterval(beat, 500);
}

function readAgain(): void {
  for (const topic of TOPICS) owed.add(topic);
  soon(TOPICS);
}

/** Reads lists again after something was done. */
export async function again(...topics: Topic[]): Promise<void> {
  await Promise.all(topics.map(read));
}

function soon(topics: Topic[]): void {
  for (const topic of topics) dirty.add(topic);
  timer ??= setTimeout(() => {
    timer = null;
    const due = [...dirty];
    dirty.clear();
    for (const topic of due) void read(topic);
  }, GATHER_MS);
}

/** Reads one list. Each goes its own way: one that is slow must not hold up an alarm. */
function read(topic: Topic): Promise<void> {
  const under = reading.get(topic);
  if (under !== undefined) {
    changed.add(topic);
    return under;
  }
  const run = readUntilSettled(topic).finally(() => {
    reading.delete(topic);
    tellContact();
    // What changed while the last answer was being put away.
    if (changed.has(topic)) void read(topic);
  });
  reading.set(topic, run);
  return run;
}

async function readUntilSettled(topic: Topic): Promise<void> {
  try {
    do {
      changed.delete(topic);
      await READERS[topic]();
    } while (changed.has(topic));
    owed.delete(topic);
    failing.delete(topic);
    clearTimeout(retries.get(topic));
    retries.delete(topic);
  } catch {
    if (!failing.has(topic)) failing.set(topic, performance.now());
    if (!retries.has(topic)) retries.set(topic, setTimeout(() => tryAgain(topic), RETRY_MS));
  }
}

function tryAgain(topic: Topic): void {
  retries.delete(topic);
  soon([topic]);
}

/** What is due by time alone. */
function beat(): void {
  const now = performance.now();
  if (now - readAll > ANYWAY_MS) { readAll = now; soon(TOPICS); }
  if (now - readHealth > HEALTH_MS) { readHealth = now; soon(["health"]); }
  if (centre.health?.commit_failing_since && now - readUnrecorded > UNRECORDED_MS) {
    readUnrecorded = now;
    soon(["alarms", "health"]);
  }
  tellContact();
}

/** A centre that pulses but does not give its lists is lost as well. */
function tellContact(): void {
  const silent = performance.now() - heard > LOST_MS || (refusedSince !== null && performance.now() - refusedSince > REFUSED_MS);
  // A wall need not be called lost for want of what it can do without.
  const unread = [...failing].some(([topic, since]) => topic !== "demo" && performance.now() - since > LOST_MS);
  if (silent || unread) {
    if (centre.contact.state !== "lost") centre.contact = { state: "lost", since: heardAt };
  } else if (owed.size === 0 && heardAt !== null) {
    centre.contact = { state: "here", heardAt };
  }
}

const READERS: Record<Topic, () => Promise<void>> = {
  async alarms() {
    try {
      const told = await all<Alarm>("alarms", { state: "open" });
      putAlarms(isWhole(told.items, centre.health) ? told.items : beside(told.items, centre.alarms), told.next !== null);
    } catch (error) {
      // What came is shown at once, beside what was known; the list is still owed.
      if (error instanceof BrokenOff) putAlarms(beside(error.items as Alarm[], centre.alarms), true);
      throw error;
    }
  },
  async tickets() {
    const tickets = await all<Ticket>("tickets", { state: "open" });
    centre.tickets = tickets.items;
    centre.cut.tickets = tickets.next !== null;
    centre.read.tickets = true;
  },
  async gateways() {
    const gateways = await all<Gateway>("gateways", {}, 500);
    centre.gateways = gateways.items;
    centre.cut.gateways = gateways.next !== null;
    centre.read.gateways = true;
  },
  async coverage() {
    const coverage = await ifThere(look<Pick<Listed<Coverage>, "items">>("coverage"));
    centre.coverage = coverage?.items ?? null;
  },
  async health() {
    const health = await look<Health>("health");
    sayClock(health.now);
    // That a box falls silent is no event: the counts tell it.
    if (centre.health !== null && counts(centre.health) !== counts(health)) soon(["gateways", "coverage"]);
    centre.health = health;
    readHealth = performance.now();
    sawVersion(health.version);
  },
  async demo() {
    centre.demo = await ifThere(look<Demo>("demo"));
  },
};

function putAlarms(alarms: Alarm[], cut: boolean): void {
  centre.alarms = alarms;
  centre.cut.alarms = cut;
  centre.read.alarms = true;
}

function counts(health: Health): string {
  return JSON.stringify([health.gateways, health.points]);
}
