/**
 * Opens the pages in a real browser and waits until something is true, or fails showing what the
 * page said instead. Knows no test.
 */

import process from "node:process";

import { chromium } from "playwright-core";

const PATIENCE_MS = Number(process.env.FIREGRID_PATIENCE_MS ?? 30_000);
const LOOK_AGAIN_MS = 100;

/** Where the page is served, and who moves the world outside it. */
export const URL = need("FIREGRID_URL");
const CONTROL = process.env.FIREGRID_CONTROL ?? "";

/** A browser that lets pages be heard, as the one of a wall is set up to; or one that asks for a touch first. */
export function browser(audible = true) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", `--autoplay-policy=${audible ? "no-user-gesture-required" : "document-user-activation-required"}`],
  });
}

/** A page of a person called `by`, at `path`, in Chinese; mistakes of its scripts fail the test at the end. */
export async function open(browser, path, by = "王建国", size = { width: 1920, height: 1080 }) {
  const context = await browser.newContext({ viewport: size, reducedMotion: "reduce" });
  await context.addInitScript(({ by }) => {
    localStorage.setItem("firegrid-by", by);
    localStorage.setItem("firegrid-language", "zh");
    // What is heard is counted where it is made.
    globalThis.tones = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) { globalThis.tones += 1; return start.apply(this, when); };
  }, { by });
  const page = await context.newPage();
  page.mistakes = [];
  page.loads = 0;
  page.on("pageerror", (error) => page.mistakes.push(error.message));
  page.on("console", (message) => {
    if (/Content Security Policy/i.test(message.text())) page.mistakes.push(message.text());
  });
  page.on("domcontentloaded", () => { page.loads += 1; });
  await page.goto(`${URL}/#${path}`);
  await until(page, "the page is connected with the centre", () => document.documentElement.dataset.centre === "here");
  return page;
}

/**
 * Waits until `told` is true in the page; what it gives is handed back. Fails with `sentence` and
 * what the page showed.
 */
export async function until(page, sentence, told, argument = null, patience = PATIENCE_MS) {
  const deadline = Date.now() + patience;
  let last = null;
  for (;;) {
    try {
      last = await page.evaluate(told, argument);
      if (last) return last;
    } catch (error) {
      last = error.message;
    }
    if (Date.now() > deadline) throw new Error(`it never came true that ${sentence} (last: ${JSON.stringify(last)})\n${await shown(page)}`);
    await new Promise((again) => setTimeout(again, LOOK_AGAIN_MS));
  }
}

/** What a person would see, for a failure to show. */
export async function shown(page) {
  const state = await page.evaluate(() => ({ ...document.documentElement.dataset, at: location.hash, title: document.title })).catch(() => "the page is gone");
  const text = await page.evaluate(() => document.body.innerText).catch(() => "");
  return `${JSON.stringify(state)}\n${text.slice(0, 4000)}`;
}

/** Asks the centre itself. */
export async function ask(resource) {
  const answer = await fetch(`${URL}/api/v1/${resource}`);
  if (!answer.ok) throw new Error(`GET ${resource}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Moves something outside the page: a register, a process. Done when it is answered. */
export async function control(step) {
  if (CONTROL === "") throw new Error("FIREGRID_CONTROL must name who moves the site and the centre");
  const answer = await fetch(`${CONTROL}/${step}`);
  if (!answer.ok) throw new Error(`GET ${CONTROL}/${step}: ${answer.status} ${await answer.text()}`);
  return answer.text();
}

/** The ids of the events that a wall has been told, the newest first. */
export function eventsOf(page) {
  return page.evaluate(() => [...document.querySelectorAll("[data-event]")].map((line) => Number(line.dataset.event)));
}

function need(name) {
  const value = process.env[name];
  if (!value) {
    console.error(`${name} must be set: the address of a running centre`);
    process.exit(2);
  }
  return value.replace(/\/$/, "");
}
