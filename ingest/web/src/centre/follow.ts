/**
 * Follows what happens at the centre: server-sent events where it offers them, otherwise by
 * asking every second. It resumes after the last event it told, so that nothing is missed, and
 * tells no event twice. It reads no lists and draws nothing.
 *
 *   starting ──▶ live ◀──▶ waiting (a second, then open again after the last id)
 *       │
 *       └──▶ asking (a centre without `live`)
 */

import { look, missing } from "./ask";
import type { CentreEvent, Events } from "./shapes";

const AGAIN_MS = 1000;
/** An open connection on which nothing was said for so long is opened anew. */
const SILENT_MS = 15000;
const EVENTS_PER_ANSWER = 500;
/** A page that begins is told the last few, so that it does not look as if nothing had happened. */
const EARLIER = 30;
const KINDS = ["alarm", "ticket", "note", "hole", "gateway", "registry", "incident", "grid", "unit", "person"];

/** What the follower tells. */
export interface Heard {
  /** Something happened, in the order in which it did, each once. */
  event(event: CentreEvent): void;
  /** Events were missed for good, or everything begins: read the lists. */
  gap(): void;
  /** The centre is there, and this is its time. */
  pulse(now: string): void;
  /** It could not be reached. */
  failed(): void;
}

/** What it needs of its world; a test gives its own. */
export interface World {
  open(url: string): EventSource;
  events(query: { after?: string; latest?: boolean; limit: number }): Promise<Events>;
  wait(millis: number, then: () => void): () => void;
}

export const BROWSER: World = {
  open: (url) => new EventSource(url),
  events: (query) => look<Events>("events", query),
  wait: (millis, then) => {
    const timer = setTimeout(then, millis);
    return () => clearTimeout(timer);
  },
};

/** Follows until the returned function is called. */
export function follow(heard: Heard, world: World = BROWSER): () => void {
  let last: number | null = null;
  let stopped = false;
  let source: EventSource | null = null;
  let cancel = () => {};
  /** Whether this centre ever spoke on `live`. */
  let spoke = false;

  function tell(event: CentreEvent): void {
    if (last !== null && event.id <= last) return;
    last = event.id;
    heard.event(event);
  }

  async function start(): Promise<void> {
    try {
      const answer = await world.events({ latest: true, limit: 1 });
      if (stopped) return;
      last = Math.max(0, Number(answer.next ?? 0) - EARLIER);
      heard.pulse(answer.now);
      heard.gap();
      open();
    } catch {
      heard.failed();
      later(start);
    }
  }

  function later(then: () => void, millis = AGAIN_MS): void {
    cancel();
    if (!stopped) cancel = world.wait(millis, then);
  }

  function open(): void {
    if (stopped) return;
    source?.close();
    const here = world.open(`api/v1/live?after=${last ?? 0}`);
    source = here;
    const stillThere = () => later(reopen, SILENT_MS);
    const said = (message: MessageEvent<string>) => {
      spoke = true;
      stillThere();
      const event = read<CentreEvent>(message.data);
      if (event !== null) tell(event);
    };
    for (const kind of KINDS) here.addEventListener(kind, said);
    here.addEventListener("message", said);
    here.addEventListener("gap", (message) => {
      stillThere();
      // What lies in the gap is not told any more; a centre set up anew counts from below.
      const id = Number((message as MessageEvent).lastEventId || Number.NaN);
      if (Number.isFinite(id)) last = id;
      heard.gap();
    });
    here.addEventListener("pulse", (message) => {
      spoke = true;
      stillThere();
      const told = read<{ now: string; last?: number | string }>((message as MessageEvent<string>).data);
      if (told === null) return;
      heard.pulse(told.now);
      // A centre that knows less than it told was set up anew.
      if (told.last !== undefined && last !== null && Number(told.last) < last) void ask();
    });
    here.onerror = reopen;
    stillThere();
  }

  function reopen(): void {
    source?.close();
    source = null;
    if (stopped) return;
    if (spoke) {
      // Asked first: it answers at once, and a stream that only seems open tells nothing.
      heard.failed();
      later(ask);
    } else {
      void ask();
    }
  }

  /** For a centre without `live`, and to learn whether one that fails is there at all. */
  async function ask(): Promise<void> {
    try {
      const answer = await world.events({ after: String(last ?? 0), limit: EVENTS_PER_ANSWER });
      if (stopped) return;
      if (answer.gap) heard.gap();
      if (answer.gap && answer.items.length === 0) last = Number(answer.next ?? 0);
      answer.items.forEach(tell);
      heard.pulse(answer.now);
      if (spoke) return open();
      later(answer.items.length === EVENTS_PER_ANSWER ? ask : next, answer.items.length === EVENTS_PER_ANSWER ? 0 : AGAIN_MS);
    } catch (error) {
      if (!missing(error)) heard.failed();
      later(spoke ? ask : next);
    }
  }

  /** Every so often the centre is asked for `live` again: it may have been renewed. */
  let asked = 0;
  function next(): void {
    asked += 1;
    if (asked % 30 === 0) open();
    else void ask();
  }

  void start();
  return () => {
    stopped = true;
    cancel();
    source?.close();
  };
}

function read<T>(text: string): T | null {
  try {
    return JSON.parse(text) as T;
  } catch {
    return null;
  }
}
