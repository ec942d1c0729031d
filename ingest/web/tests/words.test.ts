/** The words of the pages: the same in both languages, all used, none written past them. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { compileTemplate, parse } from "vue/compiler-sfc";
import { describe, expect, it } from "vitest";

import en from "../src/words/en";
import zh from "../src/words/zh";

const SOURCE = join(import.meta.dirname, "../src");
const HAN = /[\u4e00-\u9fff]/;
/** Words that are the same in both languages, with a reason each. */
const SAME = new Set(["nav.language"]);
/** Keys that have no words on purpose. */
const EMPTY = new Set(["deedMore.accept", "tickets.noneMore"]);
/** Attributes whose text people see or hear. */
const SEEN = new Set(["title", "label", "placeholder", "aria-label", "alt", "text", "more"]);
/** Files whose very content is words in both languages. */
const WORDS = ["words/zh.ts", "words/en.ts", "look/events.ts", "told.ts"];

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
      // `event.${kind}` asks for every key of the group.
      for (const match of text.matchAll(/\bt\(\s*`([\w.-]*?)\$\{[^`]*`/g)) groups.add(match[1] as string);
      // Keys that are chosen before they are asked for.
      for (const match of text.matchAll(/[:?]\s*"((?:wall|gateways)\.\w+)"/g)) exact.add(match[1] as string);
      for (const match of text.matchAll(/\? ["']((?:[a-z]+)\.(?:\w+))["'] : ["']((?:[a-z]+)\.(?:\w+))["']/g)) { exact.add(match[1] as string); exact.add(match[2] as string); }
    }
    expect([...exact].filter((key) => !chinese.has(key))).toEqual([]);
    expect([...groups].filter((group) => ![...chinese.keys()].some((key) => key.startsWith(group)))).toEqual([]);
    expect([...chinese.keys()].filter((key) => !exact.has(key) && ![...groups].some((group) => group !== "" && key.startsWith(group)))).toEqual([]);
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
    expect(written("x.vue", "<template><p title=\"报警\">{{ $t('a') }} · 3</p></template>")).toEqual(["x.vue: 报警"]);
  });
});

/** Text of a template that stands there as it is: letters of either language. */
function written(path: string, text: string): string[] {
  const template = parse(text).descriptor.template?.content ?? "";
  const { ast } = compileTemplate({ source: template, filename: path, id: "words" });
  const found: string[] = [];
  const visit = (node: Node): void => {
    if (node.type === 2 && /[A-Za-z]{2,}|[\u4e00-\u9fff]/.test(String(node.content))) found.push(`${path}: ${String(node.content).trim()}`);
    for (const prop of node.props ?? []) {
      const value = prop.value?.content ?? "";
      if (prop.type === 6 && SEEN.has(prop.name) && /[A-Za-z]{2,}|[\u4e00-\u9fff]/.test(value)) found.push(`${path}: ${value}`);
    }
    for (const child of node.children ?? []) if (typeof child === "object" && child !== null) visit(child);
    for (const branch of node.branches ?? []) visit(branch);
  };
  visit(ast as unknown as Node);
  return found;
}

interface Node { type: number; content?: unknown; props?: { type: number; name: string; value?: { content: string } }[]; children?: Node[]; branches?: Node[] }
