// Signs of the views, drawn with one pen.
import { html } from "./lib.js";

const PATHS = {
  brand: "M12 7v4M12 11H5.5v4M12 11h6.5v4M12 11v4",
  tree: "M12 6v5M12 11H6v5M12 11h6v5",
  goals: "M5 12h4M15 7h4M15 17h4M9 12c3 0 3-5 6-5M9 12c3 0 3 5 6 5",
  talks: "M4 5h11v8H8l-4 3zM9 16h7l4 3V9h-2",
  agents: "M12 12a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M5 20c.6-4 3.4-6 7-6s6.400 2 7 6",
  engines: "M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4",
  audit: "M6 3h9l4 4v14H6zM9 11h7M9 15h7M9 7h3",
  acts: "M8 5v14l11-7z",
};

export function icon(name) {
  const dots = name === "tree" || name === "brand" ? [[12, 4.500], [6, 18], [18, 18]].map(([x, y]) => html`<circle cx=${x} cy=${y} r="2.200" fill="currentColor" stroke="none" />`) : null;
  return html`<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${PATHS[name]} />${dots}</svg>`;
}
