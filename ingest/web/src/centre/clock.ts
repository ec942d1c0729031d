/**
 * The centre's time. Every running clock of the page counts from it, because the clock of the
 * machine that shows the page may be wrong.
 */

import { ref } from "vue";

let ahead = 0;

/** The centre's time now, in milliseconds; moves every second. */
export const now = ref(Date.now());

/** The centre told its time. */
export function sayClock(iso: string): void {
  const told = Date.parse(iso);
  if (Number.isFinite(told)) ahead = told - Date.now();
}

setInterval(() => { now.value = Date.now() + ahead; }, 1000);
