/** The page's words in two languages, and the choice between them, remembered. */

import { createI18n } from "vue-i18n";

import en from "./en";
import zh from "./zh";

export type Language = "zh" | "en";

const KEPT_AS = "firegrid-language";

export const words = createI18n({
  legacy: false,
  locale: kept(),
  fallbackLocale: "zh",
  messages: { zh, en },
});

export function language(): Language {
  return words.global.locale.value as Language;
}

export function speak(language: Language): void {
  words.global.locale.value = language;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  try {
    localStorage.setItem(KEPT_AS, language);
  } catch { /* A page without storage begins in Chinese again. */ }
}

/** The page's word for one of the centre's; the centre's own, where it is newer than the page. */
export function wordOf(group: "mark" | "role" | "level" | "lane" | "quality" | "event" | "step", word: string): string {
  const key = `${group}.${word}`;
  return words.global.te(key) ? words.global.t(key) : word;
}

/** What the centre tells in both languages, in that of the page; the other one rather than none. */
export function say(zh: string | null | undefined, en: string | null | undefined): string {
  return (language() === "zh" ? zh || en : en || zh) ?? "";
}

/** The same for a pair. */
export function sayBoth(both: { zh?: string | null; en?: string | null } | string | null | undefined): string {
  if (both === null || both === undefined) return "";
  return typeof both === "string" ? both : say(both.zh, both.en);
}

function kept(): Language {
  try {
    return localStorage.getItem(KEPT_AS) === "en" ? "en" : "zh";
  } catch {
    return "zh";
  }
}
