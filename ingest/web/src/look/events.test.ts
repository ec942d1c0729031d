/** An event in a few words of the page's language, none of them the centre's own. */

import { afterEach, describe, expect, it } from "vitest";

import { centre } from "../centre/store";
import { words } from "../words";
import { eventText } from "./events";
import type { Alarm, Gateway } from "../centre/shapes";

function check(kind: string, body: Record<string, unknown>, zh: string, en: string): void {
  words.global.locale.value = "zh";
  expect(eventText({ id: 1, kind, at: "", body })).toBe(zh);
  words.global.locale.value = "en";
  expect(eventText({ id: 1, kind, at: "", body })).toBe(en);
}

afterEach(() => { words.global.locale.value = "zh"; centre.alarms = []; centre.gateways = []; });

describe("an event", () => {
  it("tells where, what, and the step", () => {
    centre.alarms = [{ id: "a", unit_name: "医院", title: "火灾报警", title_en: "Fire alarm" } as Alarm];
    check("alarm", { id: "a", what: "raised-again" }, "医院 · 火灾报警 · 再次发生", "医院 · Fire alarm · raised once more");
  });

  it("tells of a gateway by its unit, or by its own name", () => {
    centre.gateways = [{ gateway: "g", unit: "u", unit_name: "医院" } as Gateway];
    check("gateway", { gateway: "g", what: "assigned" }, "医院 · 已归属单位", "医院 · assigned to a unit");
    check("gateway", { gateway: "x", what: "unassigned" }, "x · 未登记的网关", "x · an unknown gateway speaks");
    check("registry", { what: "imported" }, "已导入", "imported");
  });

  it("lets a note speak for itself", () => {
    check("note", { gateway: "g", what: "raised", zh: "压力偏低", en: "pressure low" }, "g · 压力偏低", "g · pressure low");
  });
});
