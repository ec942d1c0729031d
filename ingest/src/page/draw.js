// Makes elements and keeps lists of them. Data becomes text nodes only, never markup.

/** An element with attributes and children; a string child is text. Falsy children are left out. */
export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === "on") element.addEventListener("click", value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
}

/** Chinese with English beside it. */
export function both(zh, en) {
  return [zh ?? "", en ? make("span", { lang: "en" }, " " + en) : null];
}

/** A word in a frame. */
export function tag(kind, zh, en) {
  return make("span", { class: "tag " + kind }, ...both(zh, en));
}

/** Names with their values; rows without a value are left out. */
export function facts(...rows) {
  const shown = rows.filter(([, , value]) => value !== null && value !== undefined && value !== "");
  return make("dl", { class: "facts" }, shown.map(([zh, en, value]) => [
    make("dt", {}, ...both(zh, en)), make("dd", {}, value),
  ]).flat());
}

/**
 * Makes a list show exactly these entries in this order. An element stays the same element
 * while its entry stays the same, so that nothing moves under a finger.
 */
export function list(box, entries, key, draw) {
  box.drawn ??= new Map();
  const before = box.drawn;
  const drawn = new Map();
  let place = box.firstElementChild;
  for (const entry of entries) {
    const name = key(entry);
    const said = JSON.stringify(entry);
    const old = before.get(name);
    const now = old?.said === said ? old : { said, element: draw(entry) };
    drawn.set(name, now);
    if (old && now !== old) {
      if (place === old.element) place = now.element;
      old.element.replaceWith(now.element);
    }
    if (place === now.element) place = place.nextElementSibling;
    else box.insertBefore(now.element, place);
  }
  for (const [name, old] of before) {
    if (drawn.get(name)?.element !== old.element) old.element.remove();
  }
  box.drawn = drawn;
}

/** A moment of the API as people here read it: the time, with the date if it is another day. */
export function moment(iso) {
  if (!iso) return "";
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  const two = (number) => String(number).padStart(2, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const today = new Date().toDateString() === at.toDateString();
  return make("time", { datetime: iso, title: iso }, today ? time : `${date} ${time}`);
}

/** How long, in the largest unit that says enough. */
export function lasting(millis) {
  if (typeof millis !== "number") return "";
  const seconds = Math.round(millis / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export function byId(id) {
  return document.getElementById(id);
}
