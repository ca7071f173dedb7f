// What passes over each bus, and which engine the router chose for what.
import { html, useEffect, useRef } from "./lib.js";
import { figure, mean } from "./metrics.js";
import { amount, say, span } from "./words.js";

const BUSES = { control: "signed messages between agents", data: "events, to whoever has subscribed", tensor: "vectors and activations, handed over in memory" };
const MESSAGES = "aios_bus_messages_total";

/** How much each bus carried in a second between the last two looks. */
function useRates(figures) {
  const before = useRef(null);
  const rates = useRef({});
  useEffect(() => {
    const at = performance.now();
    const now = Object.fromEntries(Object.keys(BUSES).map((bus) => [bus, figure(figures, MESSAGES, { bus })]));
    const last = before.current;
    if (last) for (const bus of Object.keys(BUSES)) rates.current[bus] = Math.max(0, now[bus] - last.now[bus]) / ((at - last.at) / 1000);
    before.current = { at, now };
  }, [figures]);
  return rates.current;
}

export function Buses({ figures }) {
  const rates = useRates(figures);
  const carried = Object.entries(BUSES).filter(([bus]) => figure(figures, MESSAGES, { bus }) !== undefined);
  if (!carried.length) return null;
  return html`<section class="card"><h2>Buses</h2><table class="wide"><thead><tr><th>Bus</th><th>Carries</th><th class="right">A second</th><th class="right">Ever</th><th class="right">On the way</th></tr></thead><tbody>${carried.map(([bus, what]) => { const way = mean(figures, "aios_bus_latency_seconds", { bus }); return html`<tr key=${bus}><td><strong>${bus}</strong></td><td>${what}</td><td class="right num" data-label="A second">${amount(rates[bus])}</td><td class="right num" data-label="Ever">${amount(figure(figures, MESSAGES, { bus }))}</td><td class="right num" data-label="On the way">${way === undefined ? "–" : span(way * 1000)}</td></tr>`; })}</tbody></table></section>`;
}

/** Decisions of the router, counted; a node with one engine has none to take. */
export function Routes({ figures }) {
  const found = (figures?.get("aios_inference_routes_total") ?? []).filter(({ value }) => value > 0).sort((a, b) => b.value - a.value);
  if (!found.length) return null;
  return html`<section class="card"><h2>Routing decisions</h2><table class="wide"><thead><tr><th>For</th><th>Policy</th><th>Engine</th><th>Outcome</th><th class="right">Times</th></tr></thead><tbody>${found.map(({ labels, value }) => html`<tr key=${Object.values(labels).join(" ")}><td>${say(labels.purpose)}</td><td data-label="Policy">${say(labels.policy)}</td><td data-label="Engine">${labels.engine || html`<span class="muted">none</span>`}</td><td data-label="Outcome">${say(labels.outcome)}</td><td class="right num" data-label="Times">${amount(value)}</td></tr>`)}</tbody></table></section>`;
}
