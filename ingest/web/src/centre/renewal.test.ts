/** A page is loaded anew when it is older than its centre, and at no other time. */

import { expect, it } from "vitest";

import { renewal, type Renewal, type World } from "./renewal";

async function check(steps: (page: Renewal, world: World & { at: number; handed: string | null; writing: boolean }) => Promise<void>, reloads: number): Promise<void> {
  let done = 0;
  let last = 0;
  const world = {
    at: 1_000_000, handed: "<script src=./assets/index-1.js>" as string | null, own: "index-1.js", writing: false,
    served: async () => world.handed,
    isWriting: () => world.writing,
    reload: () => { done += 1; },
    lastReload: () => last,
    rememberReload: (at: number) => { last = at; },
    now: () => world.at,
  };
  await steps(renewal(world), world);
  await settled();
  expect(done).toBe(reloads);
}

const settled = async () => { for (let n = 0; n < 5; n += 1) await Promise.resolve(); };

it("the same version reloads nothing", () => check(async (page) => { page.sawVersion("1"); page.sawVersion("1"); }, 0));
it("another version reloads", () => check(async (page) => { page.sawVersion("1"); page.sawVersion("2"); }, 1));
it("a part that is gone reloads", () => check(async (page) => page.partIsGone(), 1));
it("nothing reloads while the page is not served: later it does", () => check(async (page, world) => {
  world.handed = null;
  page.sawVersion("1");
  page.sawVersion("2");
  await settled();
  world.handed = "";
  page.sawVersion("2");
}, 1));
it("nothing reloads under the hands of somebody who writes", () => check(async (page, world) => {
  world.writing = true;
  page.sawVersion("1");
  page.sawVersion("2");
}, 0));
it("a part that is gone for good does not reload for ever", () => check(async (page, world) => {
  for (let n = 0; n < 10; n += 1) {
    page.partIsGone();
    await settled();
    world.at += 1000;
  }
}, 1));
it("a centre that is back with the same page reloads nothing, with another it does", async () => {
  await check(async (page) => page.centreIsBack(), 0);
  await check(async (page, world) => {
    world.handed = "<script src=./assets/index-2.js>";
    page.centreIsBack();
  }, 1);
});
