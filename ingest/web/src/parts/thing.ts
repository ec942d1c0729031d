/** One thing of the centre that a page is about: read at once, and again when it changes. */

import { onBeforeUnmount, onMounted, ref, watch, type Ref } from "vue";

import { missing } from "../centre/ask";

/** What could not be read is tried again. */
const RETRY_MS = 2000;

/** How many things of the page could not be read again: what stands of them may be old. */
export const unread = ref(0);

export interface Thing<T> {
  value: Ref<T | null>;
  /**
   * `reading` until the first answer, `here` with it; `missing` where there is no such thing;
   * `failed` when the last answer did not come, with the value of before if there was one.
   */
  state: Ref<"reading" | "here" | "missing" | "failed">;
  read(): Promise<void>;
}

/**
 * Reads with `fetch` now, and whenever what `follows` gives says something else. `asked` is what
 * the question is about: when that changes, the answer to another question is never shown for it.
 */
export function thing<T>(fetch: () => Promise<T>, follows: () => unknown, asked: () => unknown = () => null): Thing<T> {
  const value = ref(null) as Ref<T | null>;
  const state = ref<"reading" | "here" | "missing" | "failed">("reading");
  const question = () => JSON.stringify(asked());
  let running: Promise<void> | null = null;
  let again = false;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let gone = false;

  /** Many changes at once are one question: the last answer holds them all. */
  function read(): Promise<void> {
    if (running !== null) again = true;
    running ??= readUntilSettled().finally(() => { running = null; if (again) void read(); });
    return running;
  }

  async function readUntilSettled(): Promise<void> {
    do {
      again = false;
      clearTimeout(retry);
      const about = question();
      const answer = await fetch().then((told) => ({ told }), (error: unknown) => ({ error }));
      if (gone) return;
      // Something else is asked by now, and being read next.
      if (about !== question()) continue;
      if ("told" in answer) {
        value.value = answer.told;
        state.value = "here";
        continue;
      }
      state.value = missing(answer.error) ? "missing" : "failed";
      // What the centre says is not there must not be shown as if it were.
      if (state.value === "missing") value.value = null;
      retry = setTimeout(() => void read(), RETRY_MS);
    } while (again);
  }

  onMounted(read);
  watch(state, (now, before) => { unread.value += Number(now === "failed") - Number(before === "failed"); }, { flush: "sync" });
  onBeforeUnmount(() => { gone = true; clearTimeout(retry); state.value = "reading"; });
  watch(question, () => { value.value = null; state.value = "reading"; void read(); }, { flush: "sync" });
  watch(() => JSON.stringify(follows()), read);
  return { value, state, read };
}
