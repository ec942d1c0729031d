/**
 * The demo tells its whole story within five minutes without anyone touching it, and the pages
 * show it: every cause stands where a person looks for it.
 *
 *   FIREGRID_URL=http://127.0.0.1:8080 node --test browser/demo.test.js
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { ask, browser, open, until } from "./page.js";

const STORY_MS = 300_000;

/** What the list of tickets must have shown: the names of the rules, as their tickets are titled. */
const HAZARDS = ["消防水泵电源故障", "喷淋末端静压不足", "部件故障", "整个分区被屏蔽", "设备通信中断", "消防水池、高位水箱水位异常", "网关失联"];

let chrome;
before(async () => { chrome = await browser(); });
after(async () => { await chrome?.close(); });

test("within five minutes every scene stands on the pages", async () => {
  const begin = Date.now();
  const left = () => STORY_MS - (Date.now() - begin);
  const wall = await open(chrome, "/");
  const tickets = await open(chrome, "/tickets");
  await until(wall, "a fire stands on the wall", () => document.querySelector(".fire-card") !== null, null, left());
  await until(wall, "its incident counts a second floor", () => document.querySelector(".fire-card")?.innerText.includes("4F"), null, left());
  await until(tickets, "every hazard of the story is a ticket in the list", (names) => {
    const text = document.body.innerText;
    return names.every((name) => text.includes(name));
  }, HAZARDS, left());
  // The pump that lost its power while its gateway was cut off is told from the backlog.
  await until(tickets, "what happened in the dark is told from the backlog", async () => {
    const answer = await fetch("api/v1/tickets?kind=pump-power");
    const { items } = await answer.json();
    return items.some((ticket) => ticket.flags.includes("historical"));
  }, null, left());
  const { items } = await ask("tickets?limit=500");
  assert.equal(new Set(items.map((ticket) => ticket.id)).size, items.length, "no ticket stands twice");
  const open_cases = items.filter((ticket) => !["closed", "void"].includes(ticket.state)).map((ticket) => `${ticket.subject} ${ticket.kind}`);
  assert.equal(new Set(open_cases).size, open_cases.length, "one open ticket per point and kind");
  assert.deepEqual([...wall.mistakes, ...tickets.mistakes], []);
  assert.equal(wall.loads, 1, "the wall followed without a reload");
});
