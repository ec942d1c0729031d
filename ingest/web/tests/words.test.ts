/** The words of the pages: the same in both languages, all used, none written past them. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { compileTemplate, parse } from "vue/compiler-sfc";
import { describe, expect, it } from "vitest";

import { ALARM_STATES, SEVERITIES, TICKET_STATES } from "../src/look/states";
import en from "../src/words/en";
import zh from "../src/words/zh";

const SOURCE = join(import.meta.dirname, "../src");
/** Chinese letters, and punctuation that only Chinese has. */
const HAN = /[\u4e00-\u9fff\u3001-\u303f\uff01-\uff60]/;
/** Words that are the same in both languages, with a reason each. */
const SAME = new Set(["nav.language"]);
/** Keys that have no words on purpose. */
const EMPTY = new Set(["deedMore.accept", "tickets.noneMore"]);
/**
 * Words that are chosen by what the centre tells or by the page's own states: every group in
 * full, so that a word that is missing or left over is found. A group ends in what stands before the choice.
 */
const GROUPS: Record<string, string[]> = {
  "alarm.state.": Object.keys(ALARM_STATES),
  "ticket.state.": Object.keys(TICKET_STATES),
  "severity.": Object.keys(SEVERITIES),
  "verdict.": ["real", "false", "test", "drill"],
  "contact.": ["connecting", "here", "lost"],
  "deed.": ["accept", "submit", "return", "hand-over", "void", "close"],
  "deedMore.": ["accept", "submit", "return", "hand-over", "void", "close"],
  "figure.": ["fires", "others", "tickets", "blindPoints", "gateways"],
  "figureMore.": ["unacked", "overdue", "of", "detectors"],
  "gap.": ["quota", "damaged", "refused", "forgotten"],
  "nav.": ["wall", "alarms", "tickets", "grids", "trends", "gateways", "people", "demo"],
  "next.": ["accept", "dispatch", "rectify", "recheck", "review"],
  "outcome.": ["refused", "not-latest", "unreached", "nobody"],
  "sight.": ["watched", "blind", "shielded", "inTest", "never", "unsure"],
  "silence.": ["offline", "notSince", "never"],
  "trends.hours": ["1", "6", "24", "168"],
  "unitClass.": ["high-rise-public-1", "high-rise-public-2", "high-rise-residential", "multi-storey-public", "industrial", "other"],
  "units.nothing.": ["noneKnown", "allNormal", "noPoint"],
  "lane.": ["urgent", "routine"],
  "level.": ["region", "large", "middle", "small", "brigade"],
  "mark.": ["historical", "shielded", "testing", "provisional", "uncertain", "overdue", "listed", "folded", "reopened", "self-healed"],
  "quality.": told("wire/src/reading.rs", /Quality::\w+ => "([\w-]+)"/g),
  "role.": told("rules/src/routing.rs", /^ {8}\w+ = "([\w-]+)"/gm, "    Role {"),
  "event.": ["alarm", "ticket", "note", "hole", "gateway", "registry", "incident", "grid", "unit", "person"],
  "step.": Object.keys(zh.step),
};
/** Words of the centre that a history or an event may tell, by where it tells them. */
const STEPS_TOLD = told("rules/src/decision.rs", /Change::\w+ => "([\w-]+)"/g);

/** Attributes whose text people see or hear. */
const SEEN = new Set(["title", "label", "placeholder", "aria-label", "alt", "text", "more"]);
/** Files whose very content is words in both languages. */
const WORDS = ["words/zh.ts", "words/en.ts", "told.ts"];

type Tree = { readonly [key: string]: string | Tree };

function flat(tree: Tree, before = ""): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]) => (typeof value === "string" ? [[before + key, value] as [string, string]] : flat(value, `${before}${key}.`)));
}

const sources = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter((path) => /\.(vue|ts)$/.test(path) && !path.endsWith(".test.ts"))
  .map((path) => ({ path: path.replaceAll("\\", "/"), text: readFileSync(join(SOURCE, path), "utf8") }));
const chinese = new Map(flat(zh as unknown as Tree));
const english = new Map(flat(en as unknown as Tree));

describe("words", () => {
  it("stand under the same keys in both languages", () => {
    expect([...english.keys()].sort()).toEqual([...chinese.keys()].sort());
  });

  it("are translated", () => {
    const untranslated = [...chinese].filter(([key, text]) => !EMPTY.has(key) && (text === "" || english.get(key) === "" || text === english.get(key)) && !SAME.has(key));
    expect(untranslated).toEqual([]);
  });

  it("are Chinese in Chinese and not in English", () => {
    const spoken = [...chinese].filter(([key, text]) => !EMPTY.has(key) && !SAME.has(key) && !HAN.test(text) && /[A-Za-z]/.test(text.replace(/\{\w+\}/g, ""))).map(([key]) => key);
    expect(spoken).toEqual([]);
    expect([...english].filter(([key, text]) => HAN.test(text) && !SAME.has(key)).map(([key]) => key)).toEqual([]);
  });

  it("take the same values in both languages", () => {
    const values = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
    const different = [...chinese].filter(([key, text]) => values(text).join() !== values(english.get(key) ?? "").join());
    expect(different).toEqual([]);
  });

  it("are all used, and none is asked for that is not there", () => {
    const exact = new Set<string>();
    const groups = new Set<string>();
    for (const { path, text } of sources) {
      if (path.startsWith("words/")) continue;
      for (const match of text.matchAll(/\bt\(\s*["']([\w.-]+)["']/g)) exact.add(match[1] as string);
      // `event.${kind}` asks for every key of the group; so does wordOf("event", kind).
      for (const match of text.matchAll(/\bt\(\s*`([\w.-]*)\$\{[^`]*`/g)) groups.add(match[1] as string);
      for (const match of text.matchAll(/\bwordOf\(\s*["'](\w+)["']/g)) groups.add(`${match[1]}.`);
      // Keys that are chosen before they are asked for.
      for (const match of text.matchAll(/[:?]\s*"((?:wall|gateways)\.\w+)"/g)) exact.add(match[1] as string);
      for (const match of text.matchAll(/\? ["']((?:[a-z]+)\.(?:\w+))["'] : ["']((?:[a-z]+)\.(?:\w+))["']/g)) { exact.add(match[1] as string); exact.add(match[2] as string); }
    }
    expect([...groups].sort()).toEqual(Object.keys(GROUPS).sort());
    const chosen = Object.entries(GROUPS).flatMap(([group, members]) => members.map((member) => group + member));
    expect([...exact, ...chosen].filter((key) => !chinese.has(key))).toEqual([]);
    expect([...chinese.keys()].filter((key) => !exact.has(key) && !chosen.includes(key))).toEqual([]);
  });

  it("hold one for every step that the rules take", () => {
    expect(STEPS_TOLD.length).toBeGreaterThan(0);
    expect(STEPS_TOLD.filter((step) => !chinese.has(`step.${step}`))).toEqual([]);
  });

  it("are never written into a template or a script", () => {
    const found: string[] = [];
    for (const { path, text } of sources) {
      if (WORDS.includes(path)) continue;
      const script = path.endsWith(".vue") ? (parse(text).descriptor.scriptSetup?.content ?? "") : text;
      const spoken = script.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
      if (HAN.test(spoken)) found.push(`${path}: ${spoken.split("\n").find((line) => HAN.test(line))?.trim()}`);
      if (path.endsWith(".vue")) found.push(...written(path, text));
    }
    expect(found).toEqual([]);
  });

  it("would be found if they were", () => {
    expect(written("x.vue", "<template><p>Hello</p></template>")).toEqual(["x.vue: Hello"]);
    expect(written("x.vue", "<template><p>Hello <b>{{ a }}</b></p></template>")).toEqual(["x.vue: Hello"]);
    expect(written("x.vue", "<template><p>（{{ a }}）<b /></p></template>")).toEqual(["x.vue: （", "x.vue: ）"]);
    expect(written("x.vue", "<template><p :title=\"`是 ${a}`\">{{ a.join('、') }}</p></template>").length).toBe(2);
    expect(written("x.vue", "<template><p title=\"报警\">{{ $t('a') }} · 3</p></template>")).toEqual(["x.vue: 报警"]);
  });
});

/** Words of the centre, read from where it defines them: between `from` and the end of that block. */
function told(path: string, pattern: RegExp, from = ""): string[] {
  const text = readFileSync(join(import.meta.dirname, "../../..", path), "utf8");
  const begin = text.indexOf(from);
  const block = from === "" ? text : text.slice(begin, text.indexOf("\n    }", begin));
  return [...new Set([...block.matchAll(pattern)].map((match) => match[1] as string))];
}

function says(text: string): boolean {
  return /[A-Za-z]{2,}/.test(text) || HAN.test(text);
}

/** Text of a template that stands there as it is: letters of either language. */
function written(path: string, text: string): string[] {
  const template = parse(text).descriptor.template?.content ?? "";
  const { ast } = compileTemplate({ source: template, filename: path, id: "words" });
  const found: string[] = [];
  const visit = (node: Node): void => {
    if (node.type === 2 && says(String(node.content))) found.push(`${path}: ${String(node.content).trim()}`);
    // What is worked out may hold words of one language only.
    if (node.type === 4 && HAN.test(String(node.content))) found.push(`${path}: ${String(node.content).trim()}`);
    // Text beside an element stands one level deeper.
    if (typeof node.content === "object" && node.content !== null) visit(node.content as Node);
    for (const prop of node.props ?? []) {
      if (prop.exp) visit(prop.exp);
      const value = prop.value?.content ?? "";
      if (prop.type === 6 && SEEN.has(prop.name) && says(value)) found.push(`${path}: ${value}`);
    }
    for (const child of node.children ?? []) {
      if (typeof child === "object" && child !== null) visit(child);
      else if (typeof child === "string" && HAN.test(child)) found.push(`${path}: ${child}`);
    }
    for (const branch of node.branches ?? []) visit(branch);
  };
  visit(ast as unknown as Node);
  return found;
}

interface Node { type: number; content?: unknown; props?: { type: number; name: string; value?: { content: string }; exp?: Node }[]; children?: (Node | string)[]; branches?: Node[] }
