// Gateways: who speaks, how much still lies in their spools, and whose clock is not set.

import { both, byId, facts, lasting, list, make, moment, tag } from "./draw.js";

/** Shows every gateway, silent ones first. */
export function showGateways(gateways) {
  const sorted = [...gateways].sort((one, other) =>
    Number(one.online) - Number(other.online) || one.gateway.localeCompare(other.gateway));
  list(byId("gateways-list"), sorted, (gateway) => gateway.gateway, draw);
  const online = gateways.filter((gateway) => gateway.online).length;
  byId("gateways-count").textContent = `${online} / ${gateways.length}`;
}

function draw(gateway) {
  const spool = gateway.spool;
  return make("article", { class: gateway.online ? "card online" : "card offline" },
    make("h3", {}, gateway.gateway),
    make("p", {}, gateway.unit_name ?? gateway.unit ?? make("span", {}, ...both("待归属", "belongs to no unit yet"))),
    make("p", { class: "tags" },
      gateway.online ? tag("good", "在线", "online") : tag("bad", gateway.last_heard ? "离线" : "从未联系", gateway.last_heard ? "offline" : "never heard"),
      spool?.health === "failing" && tag("bad", "存储故障", "spool failing"),
      gateway.clock === "unsynced" && tag("warn", "时钟未同步", "clock not set"),
      gateway.conflict && tag("bad", "两台设备同一编号", "two boxes, one identity")),
    facts(
      ["最后联系", "last heard", moment(gateway.last_heard)],
      ["待送", "spool depth", spool ? `${spool.depth}` : ""],
      ["最旧", "oldest", spool && spool.depth > 0 ? lasting(spool.age_ms) : ""],
    ));
}
