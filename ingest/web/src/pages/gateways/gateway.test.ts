/** What is said of a gateway's lanes. */

import { expect, it } from "vitest";

import { headOf } from "./gateway";

function check(head: string | null, position: string | null, told: string | null): void {
  expect(headOf({ head, position })).toBe(told);
}

it("the head of a box is never behind what came of it", () => {
  check("a/65", "a/69", "a/69");
  check("a/70", "a/69", "a/70");
  check("a/9", "a/10", "a/10");
  check("b/1", "a/69", "b/1");
  check(null, "a/69", null);
  check("a/1", null, "a/1");
});
