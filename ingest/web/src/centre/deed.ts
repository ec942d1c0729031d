/** One thing a person does at the centre: who, once, and what it said if it refused. */

import { reactive } from "vue";

import { act, Refusal } from "./ask";
import { whoActs } from "./person";
import type { Both } from "./shapes";

/** What stands on a thing after an action on it failed. */
export interface Outcome {
  /** `nobody`: no name was given. `unreached`: not known whether it was done. */
  kind: "refused" | "not-latest" | "unreached" | "nobody";
  reason: Both | null;
}

/** One thing asked of the centre. */
export interface Command { resource: string; body?: Record<string, unknown> }

export interface Deeds {
  busy: boolean;
  outcome: Outcome | null;
  /** Posts; true if it was done. */
  act(resource: string, body?: Record<string, unknown>): Promise<boolean>;
  /** Posts one after another; true if all were done. One that is refused holds up no other. */
  actEach(commands: Command[]): Promise<boolean>;
}

/** The actions on one thing; `then` reads it again, once, whatever came of them. */
export function deeds(then: () => Promise<unknown> | void): Deeds {
  const self: Deeds = reactive({
    busy: false,
    outcome: null,
    act: (resource: string, body: Record<string, unknown> = {}) => self.actEach([{ resource, body }]),
    async actEach(commands: Command[]): Promise<boolean> {
      if (self.busy) return false;
      const by = await whoActs();
      if (by === null) {
        self.outcome = { kind: "nobody", reason: null };
        return false;
      }
      self.busy = true;
      self.outcome = null;
      for (const { resource, body = {} } of commands) {
        const outcome = await act(resource, { by, ...given(body) }).then(() => null, outcomeOf);
        self.outcome ??= outcome;
        // What cannot be reached now is not tried with everything else that waits.
        if (outcome?.kind === "unreached") break;
      }
      self.busy = false;
      await Promise.resolve(then()).catch(() => { /* The store tells that the centre is lost. */ });
      return self.outcome === null;
    },
  });
  return self;
}

export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof Refusal)) return { kind: "unreached", reason: null };
  return { kind: error.reason.code === "not-latest" ? "not-latest" : "refused", reason: error.reason };
}

/** Fields that were not filled in are not sent. */
function given(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined && value !== null && value !== ""));
}
