/**
 * A page that is older than its centre is loaded anew: when the centre tells another version, and
 * when a part of the page is gone because the program that held it was replaced.
 *
 * Never while the centre does not hand out the page, or a wall would be left with the browser's
 * own error; never while somebody writes; and a part that is gone for good reloads no page twice
 * within a minute.
 */

/** What it needs of its world; a test gives its own. */
export interface World {
  /** Whether the page could be fetched now. */
  isServed(): Promise<boolean>;
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
}

export function renewal(world: World): Renewal {
  let first: string | null = null;
  let asking = false;

  async function renew(): Promise<void> {
    if (asking || world.isWriting()) return;
    asking = true;
    const served = await world.isServed().catch(() => false);
    asking = false;
    if (!served) return;
    world.rememberReload(world.now());
    world.reload();
  }

  return {
    sawVersion(version) {
      first ??= version;
      // Told with every answer about health: what cannot be done now is done with a later one.
      if (version !== first) void renew();
    },
    partIsGone() {
      if (world.now() - world.lastReload() >= AT_MOST_EVERY_MS) void renew();
    },
  };
}

const KEPT_AS = "firegrid-renewed";

const BROWSER: World = {
  isServed: async () => (await fetch("./", { cache: "no-store", signal: AbortSignal.timeout(5000) })).ok,
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

/** Follows what the browser tells of parts that are gone; once, for the life of the page. */
export function beginRenewal(): void {
  addEventListener("vite:preloadError", (told) => {
    told.preventDefault();
    here.partIsGone();
  });
}
