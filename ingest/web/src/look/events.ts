/** An event of the centre in a few words. */

import { centre } from "../centre/store";
import { say, wordOf } from "../words";
import type { CentreEvent } from "../centre/shapes";

/** Where, and what became of it. */
export function eventText(event: CentreEvent): string {
  const body = event.body;
  const text = (name: string) => (typeof body[name] === "string" ? (body[name] as string) : "");
  const alarm = centre.alarms.find((one) => one.id === body.id);
  const ticket = alarm ? undefined : centre.tickets.find((one) => one.id === body.id);
  const thing = alarm ?? ticket;
  const unit = thing?.unit_name ?? (unitName(text("unit")) || unitOf(text("gateway") || text("subject").split("/")[0] || ""));
  const what = thing ? say(thing.title, thing.title_en) : "";
  // A note stands on no list; its own words say what it is about.
  const note = thing || event.kind !== "note" ? "" : say(text("zh"), text("en") || text("subject"));
  return [unit, what, note === "" ? wordOf("step", text("what")) : note].filter(Boolean).join(" · ");
}

function unitOf(gateway: string): string {
  return centre.gateways.find((one) => one.gateway === gateway)?.unit_name ?? gateway;
}

function unitName(id: string): string {
  return centre.gateways.find((gateway) => gateway.unit === id)?.unit_name ?? id;
}
