/** What a person does is sent once, and what came of it is told. */

import { afterEach, expect, it, vi } from "vitest";

import { deeds, type Outcome } from "./deed";
import { called } from "./person";

/** What the centre answers to each command, in order: a status, or null where it does not. */
async function check(answers: (number | null)[], sent: string[], outcome: Outcome["kind"] | null): Promise<void> {
  const posted: string[] = [];
  let read = 0;
  vi.stubGlobal("fetch", async (url: string, { body }: RequestInit) => {
    posted.push(`${url.replace("api/v1/", "")} ${String(body)}`);
    const status = answers[posted.length - 1];
    if (status === null || status === undefined) throw new TypeError("no answer");
    return new Response(JSON.stringify({ reason: { code: status === 409 ? "not-latest" : "other", zh: "不", en: "no" } }), { status });
  });
  called("王建国");
  const doing = deeds(() => { read += 1; });
  const done = await doing.actEach(answers.map((_, place) => ({ resource: `alarms/${place}/acknowledge`, body: { version: place, exception: "" } })));
  expect(posted).toEqual(sent);
  expect([done, doing.outcome?.kind ?? null, doing.busy, read]).toEqual([outcome === null, outcome, false, 1]);
}

const command = (place: number) => `alarms/${place}/acknowledge {"by":"王建国","version":${place}}`;

afterEach(() => { vi.unstubAllGlobals(); called(""); });

it("everything is sent, each once, and read once", () => check([200, 200, 200], [0, 1, 2].map(command), null));
it("one that somebody took first holds up no other, and is told", () => check([200, 409, 200], [0, 1, 2].map(command), "not-latest"));
it("the first refusal is told", () => check([400, 409], [0, 1].map(command), "refused"));
it("a centre that is not reached is not asked on", () => check([200, null, 200], [0, 1].map(command), "unreached"));
