/**
 * A ticket from the page of a grid worker: accepted there, and refused its closing until the
 * sensor proves the repair. Control steps as in wall.test.js.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { ask, browser, control, open, until } from "./page.js";

let chrome;
before(async () => { chrome = await browser(); });
after(async () => { await chrome?.close(); });

test("a fault becomes a ticket, is accepted, and is not closed before the sensor recovers", async () => {
  const page = await open(chrome, "/tickets");
  const earlier = (await ask("tickets?state=open&limit=500")).items.map((ticket) => ticket.id);
  await control("fault/on");
  const id = await until(page, "a ticket came into the list without a reload", (earlier) =>
    [...document.querySelectorAll("[data-ticket]")].map((row) => row.dataset.ticket).find((id) => !earlier.includes(id)), earlier, 120_000);
  assert.equal(page.loads, 1);

  await page.locator(`[data-ticket="${id}"] a`).first().click();
  await page.locator("[data-act=accept]").click();
  await until(page, "it is accepted", () => document.querySelector("[data-state]")?.dataset.state === "rectifying");
  assert.equal((await ask(`tickets/${encodeURIComponent(id)}`)).accepted.by, "王建国", "by whom stands at the centre");

  await page.locator("[data-act=close]").first().click();
  await page.locator("[data-act=send]").click();
  const refusal = await until(page, "closing is refused with its reason", () => document.querySelector("[data-outcome=refused]")?.innerText);
  const evidence = (await ask(`tickets/${encodeURIComponent(id)}`)).evidence;
  assert.ok(refusal.includes(evidence.text.zh), `${refusal} tells ${evidence.text.zh}`);
  assert.equal((await ask(`tickets/${encodeURIComponent(id)}`)).state, "rectifying", "it is still open");

  await control("fault/off");
  await until(page, "the sensor has proven the repair", () => document.querySelector("[data-evidence]")?.classList.contains("proven"), null, 180_000);
  if (await page.locator("[data-act=send]").count() === 0) await page.locator("[data-act=close]").first().click();
  await page.locator("[data-act=send]").click();
  await until(page, "it is closed", () => document.querySelector("[data-state]")?.dataset.state === "closed");
  assert.deepEqual(page.mistakes, []);
  await page.close();
});

test("whoever comes second is told who was first", async () => {
  const list = await open(chrome, "/tickets", "李二");
  const earlier = (await ask("tickets?state=open&limit=500")).items.map((ticket) => ticket.id);
  await control("detector/on");
  const id = await until(list, "there is a ticket to accept", (earlier) =>
    [...document.querySelectorAll("[data-ticket]")].map((row) => row.dataset.ticket).find((id) => !earlier.includes(id)), earlier, 120_000);
  const page = await open(chrome, `/tickets/${encodeURIComponent(id)}`, "李二");
  await page.locator("[data-act=accept]").waitFor();
  // The page is held back from learning what another one does, as if both pressed at once.
  await page.route("**/api/v1/tickets/*", (route) => (route.request().method() === "GET" ? route.abort() : route.continue()));
  const { version } = await ask(`tickets/${encodeURIComponent(id)}`);
  const first = await fetch(`${process.env.FIREGRID_URL}/api/v1/tickets/${encodeURIComponent(id)}/accept`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ by: "张一", version }),
  });
  assert.equal(first.status, 200, await first.text());
  await page.locator("[data-act=accept]").click();
  const told = await until(page, "the second is told", () => document.querySelector("[data-outcome]")?.innerText);
  assert.match(told, /张一/, "who was first");
  await page.unroute("**/api/v1/tickets/*");
  await control("detector/off");
  await list.close();
  await page.close();
});
