/** A page looks the same whether or not another was opened before it. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { parse } from "vue/compiler-sfc";
import { expect, it } from "vitest";

const SOURCE = join(import.meta.dirname, "../src");
/** Pages are loaded when they are opened, with their styles. Those of one folder that is loaded with the program come together. */
const TOGETHER = "pages/wall";

interface Part { path: string; style: string; template: string }

const parts: Part[] = readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
  .filter((path) => /\.(vue|css)$/.test(path))
  .map((path) => {
    const text = readFileSync(join(SOURCE, path), "utf8");
    if (path.endsWith(".css")) return { path, style: text, template: "" };
    const { styles, template } = parse(text).descriptor;
    return { path, style: styles.map((one) => one.content).join("\n"), template: template?.content ?? "" };
  });

/** Classes that are used in a template and styled only in the file of another page. */
function borrowed(all: Part[]): string[] {
  const styled = (part: Part, name: string) => new RegExp(`\\.${name}(?![\\w-])`).test(part.style);
  return all.flatMap((part) => {
    const used = new Set([...part.template.matchAll(/(?<!:)\bclass="([^"]*)"/g)].flatMap((match) => (match[1] as string).split(/\s+/)).filter(Boolean));
    return [...used].filter((name) => {
      const where = all.filter((one) => styled(one, name));
      const here = (one: Part) => one === part || !one.path.startsWith("pages/") || (dirname(one.path) === TOGETHER && dirname(part.path) === TOGETHER);
      return where.length > 0 && !where.some(here);
    }).map((name) => `${part.path}: ${name}`);
  });
}

it("no class is styled in the file of another page alone", () => {
  expect(borrowed(parts)).toEqual([]);
});

it("it would be found", () => {
  const page = (path: string, style: string, template: string) => ({ path: `pages/${path}.vue`, style, template });
  expect(borrowed([page("a/A", ".x { gap: 0; }", ""), page("b/B", ".y { gap: 0; }", '<p class="x y z" />')])).toEqual(["pages/b/B.vue: x"]);
});
