/** One thing of the centre that a page is about: read at once, and again when it changes. */

import { onMounted, ref, watch, type Ref } from "vue";

import { missing } from "../centre/ask";

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
  let asked = 0;
  async function read(): Promise<void> {
    const mine = ++asked;
    try {
      const answer = await fetch();
      // An answer that was overtaken by a later question is old.
      if (mine !== asked) return;
      value.value = answer;
      state.value = "here";
    } catch (error) {
      if (mine !== asked) return;
      if (missing(error)) state.value = "missing";
      else if (value.value === null) state.value = "failed";
    }
  }
  onMounted(read);
  watch(() => JSON.stringify(follows()), read);
  return { value, state, read };
}
