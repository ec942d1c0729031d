/**
 * A page that is older than its centre is loaded anew: when the centre tells another version, when
 * it is back and hands out another page, and when a part of the page is gone because the program
 * that held it was replaced.
 *
 * Never while the centre does not hand out the page, or a wall would be left with the browser's
 * own error; never while somebody writes; and a part that is gone for good reloads no page twice
 * within a minute.
 */

/** What it needs of its world; a test gives its own. */
export interface World {
  /** The page as it is handed out now; null if it is not. */
  served(): Promise<string | null>;
  /** What the page that runs here was made of, as the page that is handed out names it. */
  own: string;
  isWriting(): boolean;
  reload(): void;
  /** When the page was last loaded anew, in milliseconds; remembered across loads. */
  lastReload(): number;
  rememberReload(at: number): void;
  now(): number;
}

const AT_MOST_EVERY_MS = 60000;

export interface Renewal {
  sawVersion(version: string): void;
  partIsGone(): void;
  /** The centre is back: it may have been replaced meanwhile, by one of the same version. */
  centreIsBack(): void;
}

export function renewal(world: World): Renewal {
  let first: string | null = null;
  let asking = false;

  async function renew(mustDiffer: boolean): Promise<void> {
    if (asking || world.isWriting()) return;
    asking = true;
    const served = await world.served().catch(() => null);
    asking = false;
    if (served === null || (mustDiffer && served.includes(world.own))) return;
    world.rememberReload(world.now());
    world.reload();
  }

  return {
    sawVersion(version) {
      first ??= version;
      // Told with every answer about health: what cannot be done now is done with a later one.
      if (version !== first) void renew(false);
    },
    partIsGone() {
      if (world.now() - world.lastReload() >= AT_MOST_EVERY_MS) void renew(false);
    },
    centreIsBack() {
      if (world.own !== "" && world.now() - world.lastReload() >= AT_MOST_EVERY_MS) void renew(true);
    },
  };
}

const KEPT_AS = "firegrid-renewed";

const BROWSER: World = {
  served: async () => {
    const answer = await fetch("./", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    return answer.ok ? await answer.text() : null;
  },
  // The name of the program's file changes with its content.
  own: typeof document === "undefined" ? "" : (document.querySelector<HTMLScriptElement>("script[type=module][src]")?.src.split("/").at(-1) ?? ""),
  isWriting: () => {
    const here = document.activeElement;
    return here !== null && /^(INPUT|TEXTAREA)$/.test(here.tagName) && (here as HTMLInputElement).value !== "";
  },
  reload: () => location.reload(),
  lastReload: () => {
    try { return Number(sessionStorage.getItem(KEPT_AS)); } catch { return 0; }
  },
  rememberReload: (at) => {
    try { sessionStorage.setItem(KEPT_AS, String(at)); } catch { /* A page without storage may load twice. */ }
  },
  now: () => Date.now(),
};

const here = renewal(BROWSER);

/** The version that the centre told. */
export const sawVersion = here.sawVersion;
/** The centre is back. */
export const centreIsBack = here.centreIsBack;

/** Follows what the browser tells of parts that are gone; once, for the life of the page. */
export function beginRenewal(): void {
  addEventListener("vite:preloadError", (told) => {
    told.preventDefault();
    here.partIsGone();
  });
}
