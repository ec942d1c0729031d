/**
 * The wall against a real centre, fed by a real gateway, in a real browser.
 *
 *   FIREGRID_URL=http://127.0.0.1:8080 FIREGRID_CONTROL=http://127.0.0.1:9000 npm run test:browser
 *
 * Control steps: `fire/on`, `fire/off` (a detector of the site), `fault/on`, `fault/off`
 * (a pump without power), `detector/on`, `detector/off` (a fault that opens another ticket), `centre/kill`, `centre/start`. Each is answered when it is done.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { ask, browser, control, eventsOf, open, until } from "./page.js";

/** So many events the wall shows. */
const FEED_SHOWN = 30;

let chrome;
before(async () => { chrome = await browser(); });
after(async () => { await chrome?.close(); });

/** Nothing of an earlier test burns any more. */
async function calm(page) {
  await control("fire/off");
  await until(page, "nothing burns on the wall", () => document.querySelectorAll(".fire-card").length === 0);
}

/** Everything that waits for a person is taken, at the centre itself. */
async function takeAll() {
  for (const alarm of (await ask("alarms?state=open&limit=500")).items.filter((one) => one.state.endsWith("unacked"))) {
    const answer = await fetch(`${process.env.FIREGRID_URL}/api/v1/alarms/${encodeURIComponent(alarm.id)}/acknowledge`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ by: "张一" }),
    });
    assert.equal(answer.status, 200, await answer.text());
  }
}

test("a fire shows and sounds on the wall without a reload, until somebody takes it", async () => {
  const page = await open(chrome, "/");
  await calm(page);
  await takeAll();
  await until(page, "nothing sounds before it burns", () => document.documentElement.dataset.sounding === "false");
  const silent = await page.evaluate(() => globalThis.tones);
  await control("fire/on");
  const fire = await until(page, "a fire stands on the wall", () => document.querySelector(".fire-card")?.innerText);
  await until(page, "the page sounds: tones are made, and it says so", (silent) => globalThis.tones > silent && document.documentElement.dataset.sounding === "true", silent);
  assert.match(fire, /\d\d:\d\d/, "it tells since when");
  const open_alarms = (await ask("alarms?state=open&kind=fire")).items;
  const alarm = open_alarms.find((one) => one.state === "active-unacked");
  assert.ok(alarm, "the centre knows it too");
  for (const word of [alarm.unit_name, alarm.phone].filter(Boolean)) assert.ok(fire.includes(word), `the wall tells ${word}: ${fire}`);
  assert.equal(page.loads, 1, "without a reload");

  await page.locator(".fire-take").first().click();
  await until(page, "it burns on, and is told as taken, and by whom", () => document.querySelector(".fire-card.taken")?.innerText.includes("王建国"));
  assert.equal((await ask(`alarms/${encodeURIComponent(alarm.id)}`)).acknowledged.by, "王建国", "the centre knows by whom");
  await until(page, "nothing sounds any more", () => document.documentElement.dataset.sounding === "false");
  assert.deepEqual(page.mistakes, []);
  await page.close();
});

test("a browser that may not sound says so, and sounds once somebody touched the page", async () => {
  const strict = await browser(false);
  const page = await open(strict, "/");
  await calm(page);
  await control("fire/on");
  await until(page, "the page says that its sound is blocked", () => document.documentElement.dataset.sounding === "blocked" && document.querySelector(".sound-off.blocked") !== null);
  await page.locator(".sound-off").click();
  await until(page, "it sounds", () => document.documentElement.dataset.sounding === "true" && document.querySelector(".sound-off") === null);
  assert.deepEqual(page.mistakes, []);
  await strict.close();
});

test("a lost centre is told in red across the width; the page catches up without a reload, nothing missed or doubled", async () => {
  const page = await open(chrome, "/");
  await calm(page);
  const before = Number((await ask("events?latest=true&limit=1")).next);
  await control("centre/kill");
  const banner = await until(page, "the page says that the centre is lost", () => {
    const lost = document.querySelector("[data-banner=lost]");
    return lost && document.documentElement.dataset.centre === "lost" && { text: lost.innerText, width: lost.getBoundingClientRect().width, screen: innerWidth };
  });
  assert.equal(banner.width, banner.screen, "across the whole width");
  assert.match(banner.text, /\d\d:\d\d:\d\d/, "with since when");
  // What happens meanwhile waits in the box.
  await control("fire/on");
  await control("centre/start");
  await until(page, "the page has the centre again", () => document.documentElement.dataset.centre === "here" && document.querySelector("[data-banner=lost]") === null);
  await until(page, "the fire that began meanwhile stands on the wall", () => document.querySelectorAll(".fire-card").length > 0);
  assert.equal(page.loads, 1, "without a reload");

  const told = (await ask(`events?after=${before}&limit=500`)).items.map((event) => event.id);
  const last = told.at(-1);
  assert.ok(last > before, "something happened meanwhile");
  await until(page, "the page was told everything that happened", (last) => [...document.querySelectorAll("[data-event]")].some((line) => Number(line.dataset.event) >= last), last);
  const seen = await eventsOf(page);
  assert.equal(new Set(seen).size, seen.length, "nothing is doubled");
  assert.deepEqual([...seen].sort((one, other) => other - one), seen, "in order");
  // The wall shows the newest few: all that happened stand there, as far as there is room.
  const later = seen.filter((id) => id > last).length;
  const expected = told.slice(-Math.max(FEED_SHOWN - later, 1));
  assert.deepEqual(seen.filter((id) => id >= expected[0] && id <= last).reverse(), expected, "nothing is missed");
  const drawn = await page.evaluate(() => [...document.querySelectorAll("[data-fire]")].map((card) => card.dataset.fire));
  assert.equal(new Set(drawn).size, drawn.length, "no fire is drawn twice");
  await control("fire/off");
  assert.deepEqual(page.mistakes, []);
  await page.close();
});
