// Where a person is: the part of the address behind the hash, such as #/goals/q3?tab=plan. It says all that a view needs, so it can be sent on.
import { signal } from "./lib.js";

function read() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map((part) => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  return { parts, query: new URLSearchParams(query) };
}

export const address = signal(read());
addEventListener("hashchange", () => { address.value = read(); });

/** A link to a view. Fields that are empty are left out. */
export function to(parts, fields = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && value !== null && value !== "" && value !== false) query.set(name, value === true ? "1" : value);
  }
  const text = query.toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** The same place with some fields changed. */
export function changed(fields) {
  const { parts, query } = address.value;
  return to(parts, { ...Object.fromEntries(query), ...fields });
}

/** Goes there; a field typed into is no step to go back by. */
export function go(link, quietly = false) {
  if (link === location.hash) return;
  if (!quietly) { location.hash = link; return; }
  history.replaceState(null, "", link);
  address.value = read();
}
