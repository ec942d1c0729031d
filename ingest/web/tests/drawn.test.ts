/** What a card of the wall says, drawn without a browser. */

import { createSSRApp, h } from "vue";
import { renderToString } from "vue/server-renderer";
import { afterEach, beforeEach, expect, it } from "vitest";

import FireCard from "../src/pages/wall/FireCard.vue";
import { now } from "../src/centre/clock";
import { board } from "../src/pages/wall/fires";
import { words } from "../src/words";
import type { Alarm } from "../src/centre/shapes";

const ARRIVED = Date.parse("2026-01-01T10:00:00.000Z");

function alarm(id: string, told: Partial<Alarm>): Alarm {
  return { id, kind: "fire", unit: "u", unit_name: "县人民医院", gateway: "g", state: "active-unacked", title: "火灾报警", title_en: "Fire alarm", raised: new Date(ARRIVED).toISOString(), arrived: new Date(ARRIVED).toISOString(), marks: [], ...told } as Alarm;
}

async function card(...alarms: Alarm[]): Promise<string> {
  const app = createSSRApp({ render: () => h(FireCard, { fire: board(alarms).burning[0] as never }) }).use(words);
  app.component("RouterLink", { render: () => null });
  const html = await renderToString(app);
  return html.replace(/<!--.*?-->/g, "").replace(/<[^>]+>/g, "|").replace(/\|+/g, "|");
}

beforeEach(() => { words.global.locale.value = "en"; now.value = ARRIVED + 42_000; });
afterEach(() => { words.global.locale.value = "zh"; });

it("tells what must be known of its alarms, and of how many of them it is true", async () => {
  const text = await card(alarm("a", { marks: ["testing", "historical"] }), alarm("b", { marks: ["testing"] }));
  expect(text).toContain("|in test|");
  expect(text).toContain("|historical 1/2|");
  expect(await card(alarm("a", {}))).not.toContain("in test");
});

it("counts from when the centre knew, and tells the gateway's moment beside it when that is another", async () => {
  const late = await card(alarm("a", { raised: "2020-05-05T05:05:05.000Z" }));
  expect(late).toContain("|00:42|");
  expect(late).toMatch(/Raised \|2020-05-05/);
  expect(await card(alarm("a", {}))).not.toContain("Raised");
});
