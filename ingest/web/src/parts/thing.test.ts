/** A page shows what it asked for, asks again until it has it, and never shows another thing's data. */

import { createRenderer, nextTick, ref, type Ref } from "vue";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Refusal } from "../centre/ask";
import { thing, unread, type Thing } from "./thing";

/** Mounts without a page: what is drawn is nothing. */
const { createApp } = createRenderer<object, object>({
  insert() {}, remove() {}, patchProp() {}, setText() {}, setElementText() {},
  createElement: () => ({}), createText: () => ({}), createComment: () => ({}),
  parentNode: () => null, nextSibling: () => null,
});

type Step = string | "fails" | "missing";

/** A centre that answers a question with the next of its steps, when it is let. */
class Centre {
  asked: string[] = [];
  held: (() => void)[] = [];
  hold = false;
  constructor(private steps: Step[]) {}
  async answer(about: string): Promise<string> {
    this.asked.push(about);
    const step = this.steps.length > 1 ? this.steps.shift() : this.steps[0];
    if (this.hold) await new Promise<void>((go) => this.held.push(go));
    if (step === "fails") throw new TypeError("no answer");
    if (step === "missing") throw new Refusal(404, { zh: "", en: "" });
    return `${about} ${step}`;
  }
}

function page(centre: Centre): { one: Thing<string>; about: Ref<string>; close(): void } {
  const about = ref("a");
  let one: Thing<string> | null = null;
  const app = createApp({ setup() { one = thing(() => centre.answer(about.value), () => 0, () => about.value); return () => null; } });
  app.mount({});
  return { one: one as unknown as Thing<string>, about, close: () => app.unmount() };
}

const shows = ({ one }: { one: Thing<string> }) => [one.value.value, one.state.value];

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

describe("a thing", () => {
  it("is read at once", async () => {
    const open = page(new Centre(["1"]));
    await vi.advanceTimersByTimeAsync(0);
    expect(shows(open)).toEqual(["a 1", "here"]);
    open.close();
  });

  it("is tried again after every failure, also when it was there before or was missing", async () => {
    const open = page(new Centre(["fails", "missing", "1", "fails", "2"]));
    const shown: unknown[] = [];
    for (let n = 0; n < 3; n += 1) {
      await vi.advanceTimersByTimeAsync(n === 0 ? 0 : 2000);
      shown.push(shows(open));
    }
    expect(shown).toEqual([[null, "failed"], [null, "missing"], ["a 1", "here"]]);
    await open.one.read();
    expect([...shows(open), unread.value]).toEqual(["a 1", "failed", 1]);
    await vi.advanceTimersByTimeAsync(2000);
    expect([...shows(open), unread.value]).toEqual(["a 2", "here", 0]);
    open.close();
  });

  it("shows nothing of another when the question changes, also if that is answered late", async () => {
    const centre = new Centre(["1"]);
    const open = page(centre);
    await vi.advanceTimersByTimeAsync(0);
    centre.hold = true;
    void open.one.read();
    open.about.value = "b";
    expect(shows(open)).toEqual([null, "reading"]);
    centre.hold = false;
    centre.held.splice(0).forEach((go) => go());
    await nextTick();
    expect(open.one.value.value).not.toBe("a 1");
    await vi.advanceTimersByTimeAsync(0);
    expect(shows(open)).toEqual(["b 1", "here"]);
    open.close();
  });

  it("is left alone once its page is closed", async () => {
    const centre = new Centre(["fails"]);
    const open = page(centre);
    await vi.advanceTimersByTimeAsync(0);
    open.close();
    await vi.advanceTimersByTimeAsync(60000);
    expect([centre.asked, unread.value]).toEqual([["a"], 0]);
  });
});
