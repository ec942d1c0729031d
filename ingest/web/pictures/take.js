/**
 * Takes every page at three sizes in both languages from a running centre.
 *
 *   node pictures/take.js http://127.0.0.1:8080 FOLDER [word …]
 *
 * With words, only pictures whose name contains one of them. CHROMIUM names the browser.
 */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";

import { chromium } from "playwright-core";

const SIZES = [[1920, 1080], [1366, 768], [390, 844]];
const LANGUAGES = ["zh", "en"];
/** A page that is not filled after so long is told, not pictured. */
const PATIENCE_MS = 15_000;

const [url, folder, ...only] = process.argv.slice(2);
if (!url || !folder) {
  console.error("usage: node pictures/take.js URL FOLDER [word …]");
  process.exit(2);
}

const pages = await pagesOf(url);
await mkdir(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
});
const mistakes = [];
try {
  for (const [width, height] of SIZES) {
    for (const language of LANGUAGES) {
      const context = await browser.newContext({ viewport: { width, height }, deviceScaleFactor: width < 500 ? 2 : 1, isMobile: width < 500, reducedMotion: "reduce" });
      await context.addInitScript(({ language }) => {
        localStorage.setItem("firegrid-language", language);
        localStorage.setItem("firegrid-by", language === "zh" ? "李建国" : "Li Jianguo");
      }, { language });
      for (const [name, path] of pages) {
        const file = `${name}-${width}-${language}.png`;
        if (only.length > 0 && !only.some((word) => file.includes(word))) continue;
        await take(context, path, join(folder, file)).catch((error) => mistakes.push(`${file}: ${error.message.split("\n")[0]}`));
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
}
for (const mistake of new Set(mistakes)) console.error(mistake);
process.exit(mistakes.length === 0 ? 0 : 1);

async function take(context, path, file) {
  const page = await context.newPage();
  page.on("console", (message) => {
    // A centre without a demo has no scenes, and its page asks.
    if (message.type() === "error" && !message.location().url.endsWith("/api/v1/demo")) mistakes.push(`${file}: ${message.text()}`);
  });
  page.on("pageerror", (error) => mistakes.push(`${file}: ${error.message}`));
  try {
    await page.goto(`${url}/#${path}`);
    await page.waitForFunction(() => document.documentElement.dataset.centre === "here", null, { timeout: PATIENCE_MS });
    await page.waitForFunction(() => document.querySelector("[data-loading]") === null, null, { timeout: PATIENCE_MS });
    // Charts are drawn when the browser next has nothing to do.
    await page.evaluate(() => new Promise((drawn) => requestIdleCallback(() => requestAnimationFrame(() => requestAnimationFrame(drawn)), { timeout: 2000 })));
    await page.waitForTimeout(450);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) mistakes.push(`${file}: ${wide} px wider than the screen`);
    const cut = await page.evaluate(() => [...document.querySelectorAll(".wall-rows li:not(.unfit)")].filter((row) => row.getBoundingClientRect().bottom > row.closest(".panel").getBoundingClientRect().bottom + 1).length);
    if (cut > 0) mistakes.push(`${file}: ${cut} rows are cut and not counted`);
    const over = await page.evaluate(() => {
      const boxes = [...document.querySelectorAll(".wall-head > *")].map((box) => box.getBoundingClientRect());
      const inside = [...document.querySelectorAll(".wall-head h1, .wall-head .contact, .wall-head .wall-desk")].map((part) => part.getBoundingClientRect());
      return inside.some((part) => boxes.slice(1).some((box) => part.right > box.left + 1 && part.left < box.right && part.bottom > box.top && part.top < box.bottom));
    });
    if (over) mistakes.push(`${file}: the headline lies under its figures`);
    await page.screenshot({ path: file, fullPage: false });
  } finally {
    await page.close();
  }
}

/** Every page, with something worth showing where a page is about one thing. */
async function pagesOf(url) {
  const first = async (resource, chosen = () => true) => {
    const answer = await fetch(`${url}/api/v1/${resource}`);
    const items = answer.ok ? (await answer.json()).items : [];
    return items.find(chosen) ?? items[0] ?? null;
  };
  const alarm = await first("alarms?limit=50");
  const ticket = await first("tickets?limit=50", (ticket) => ticket.point?.includes("pressure"));
  const unit = await first("units", (unit) => unit.id === (ticket ?? alarm)?.unit);
  const gateway = await first("gateways?limit=50");
  const grid = await first("grids?level=large&limit=50", (grid) => grid.id === unit?.grid_path?.large?.id);
  const about = (name, path, thing, id) => (thing === null ? [] : [[name, `${path}/${encodeURIComponent(thing[id])}`]]);
  return [
    ["wall", "/"], ["alarms", "/alarms"], ...about("alarm", "/alarms", alarm, "id"),
    ["tickets", "/tickets"], ...about("ticket", "/tickets", ticket, "id"),
    ["grids", "/grids"], ...about("grid", "/grids", grid, "id"), ...about("unit", "/units", unit, "id"),
    ["trends", "/trends"], ["gateways", "/gateways"], ...about("gateway", "/gateways", gateway, "gateway"),
    ["people", "/people"], ["demo", "/demo"],
  ];
}
