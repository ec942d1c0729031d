/**
 * Talks to the centre. Every answer comes in time or counts as none, and every refusal is told
 * in both languages. Knows no list and keeps nothing.
 */

import type { Listed, Reason } from "./shapes";

/** A centre on the same machine answers in milliseconds; a screen waits no longer than this. */
const PATIENCE_MS = 5000;

/** A list is read to its end, but not for ever: so many pages and the rest is told as more. */
const PAGES = 10;

/** The centre answered, and the answer is no. */
export class Refusal extends Error {
  constructor(readonly status: number, readonly reason: Reason) {
    super(reason.en);
  }
}

/** A list broke off after its first page: what had come of it by then. */
export class BrokenOff<T = unknown> extends Error {
  constructor(readonly items: T[], cause: unknown) {
    super("the list broke off", { cause });
  }
}

/** There is no such resource: this centre is older than the page. */
export function missing(error: unknown): boolean {
  return error instanceof Refusal && error.status === 404;
}

export type Query = Record<string, string | number | boolean | null | undefined>;

/** The path below /api/v1 with what is asked; what is empty is not asked. */
export function path(resource: string, query: Query = {}): string {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "" && value !== false) asked.set(name, String(value));
  }
  const text = asked.toString();
  return `api/v1/${resource}${text === "" ? "" : `?${text}`}`;
}

/** GET. */
export function look<T>(resource: string, query: Query = {}): Promise<T> {
  return talk<T>(path(resource, query), { headers: { Accept: "application/json" } });
}

/** POST. */
export function act<T>(resource: string, body: unknown): Promise<T> {
  return talk<T>(path(resource), {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** A whole list, page after page. `next` remains if it did not end within the bound. Throws `BrokenOff` with what came. */
export async function all<T>(resource: string, query: Query = {}, limit = 1000): Promise<Listed<T>> {
  const items: T[] = [];
  let after: string | null = null;
  for (let page = 0; page < PAGES; page += 1) {
    const answer: Listed<T> = await look<Listed<T>>(resource, { ...query, limit, after }).catch((error: unknown) => {
      throw page === 0 ? error : new BrokenOff(items, error);
    });
    items.push(...answer.items);
    after = answer.next;
    if (after === null || after === undefined) return { items, next: null };
  }
  return { items, next: after };
}

/** The same, or null where the centre does not know the resource. */
export async function ifThere<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (missing(error)) return null;
    throw error;
  }
}

async function talk<T>(url: string, request: RequestInit): Promise<T> {
  const answer = await fetch(url, { ...request, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  const said: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refusal(answer.status, reasonOf(answer.status, said));
  return said as T;
}

/** The reason of a problem document, whatever of it is there. */
function reasonOf(status: number, said: unknown): Reason {
  const problem = (said ?? {}) as { title?: string; detail?: string; reason?: Partial<Reason> };
  const plain = problem.detail ?? problem.title ?? `HTTP ${status}`;
  return { code: problem.reason?.code, zh: problem.reason?.zh ?? plain, en: problem.reason?.en ?? plain };
}
