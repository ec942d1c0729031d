/** Who sits here. Every action carries this name until there are accounts. */

import { ref } from "vue";

const KEPT_AS = "firegrid-by";

export const name = ref(kept());
/** Somebody acted without a name: the page asks for it, and then does what was asked. */
export const asked = ref(false);
let waiting: ((name: string | null) => void) | null = null;

export function called(as: string): void {
  name.value = as.trim();
  try {
    localStorage.setItem(KEPT_AS, name.value);
  } catch { /* A page without storage asks again. */ }
}

/** The name; asks for it if nobody gave one yet. Null if it was refused. */
export function whoActs(): Promise<string | null> {
  if (name.value !== "") return Promise.resolve(name.value);
  waiting?.(null);
  asked.value = true;
  return new Promise((then) => { waiting = then; });
}

/** What was answered to the question. */
export function answered(as: string | null): void {
  asked.value = false;
  if (as !== null && as.trim() !== "") called(as);
  waiting?.(name.value === "" ? null : name.value);
  waiting = null;
}

function kept(): string {
  try {
    return localStorage.getItem(KEPT_AS) ?? "";
  } catch {
    return "";
  }
}
