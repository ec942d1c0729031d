/** One thing of the centre that a page is about: read at once, and again when it changes. */

import { onBeforeUnmount, onMounted, ref, watch, type Ref } from "vue";

import { missing } from "../centre/ask";

/** What could not be read at first is tried again. */
const RETRY_MS = 2000;

export interface Thing<T> {
  value: Ref<T | null>;
  /** `reading` until the first answer; `missing` where there is no such thing; `failed` is tried again. */
  state: Ref<"reading" | "here" | "missing" | "failed">;
  read(): Promise<void>;
}

/** Reads with `fetch` now, and whenever what `follows` gives says something else. */
export function thing<T>(fetch: () => Promise<T>, follows: () => unknown): Thing<T> {
  const value = ref(null) as Ref<T | null>;
  const state = ref<"reading" | "here" | "missing" | "failed">("reading");
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
      try {
        value.value = await fetch();
        state.value = "here";
      } catch (error) {
        if (missing(error)) state.value = "missing";
        else if (value.value === null) state.value = "failed";
        if (state.value === "failed" && !gone) retry = setTimeout(() => void read(), RETRY_MS);
      }
    } while (again);
  }

  onMounted(read);
  onBeforeUnmount(() => { gone = true; clearTimeout(retry); });
  watch(() => JSON.stringify(follows()), read);
  return { value, state, read };
}
