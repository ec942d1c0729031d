// Who sits here. Every action carries this name until there are accounts.

import { byId } from "./draw.js";

const KEPT_AS = "firegrid-by";
const input = byId("by");

try { input.value = localStorage.getItem(KEPT_AS) ?? ""; } catch { /* A page without storage asks again. */ }
input.addEventListener("change", () => {
  try { localStorage.setItem(KEPT_AS, input.value.trim()); } catch { /* As above. */ }
});
input.addEventListener("input", () => input.classList.remove("asked"));

/** The name, or nothing after asking for it. */
export function name() {
  const name = input.value.trim();
  if (name === "") {
    input.classList.add("asked");
    input.focus();
    input.scrollIntoView({ block: "center" });
  }
  return name;
}
