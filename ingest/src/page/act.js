// Buttons that do something at the centre, and the reason when it refuses.

import { act } from "./centre.js";
import { both, make } from "./draw.js";
import { name } from "./person.js";

/** What the centre refused, by the thing that was acted on, until it is tried again. */
const refusals = new Map();
let changed = () => {};

/** What to do after every action. */
export function whenActed(callback) { changed = callback; }

/** The refusal that stands on a thing, as part of what is drawn. */
export function refusalOf(thing) { return refusals.get(thing) ?? null; }

/** A refusal as a box. */
export function refusalBox(refusal) {
  return refusal && make("p", { class: "refused", role: "alert" },
    make("b", {}, "✕ 未受理 "), ...both(refusal.zh, refusal.en));
}

/**
 * A button that posts to a path about a thing. `more` gives further fields of the body;
 * nothing is posted while `ready` says no.
 */
export function button(thing, path, kind, zh, en, more = () => ({}), ready = () => true) {
  const element = make("button", { type: "button", class: kind, on: async () => {
    const by = name();
    if (by === "" || !ready()) return;
    element.disabled = true;
    try {
      await act(path, { by, ...more() });
      refusals.delete(thing);
    } catch (error) {
      refusals.set(thing, error.refusal ?? { zh: "没有送到监控中心，请重试。", en: "The centre was not reached; try again." });
    }
    element.disabled = false;
    changed();
  } }, ...both(zh, en));
  return element;
}
