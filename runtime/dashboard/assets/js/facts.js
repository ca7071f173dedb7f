// Figures an answer rests on, each with where it came from.
import { html } from "./lib.js";
import { address, changed, go } from "./address.js";
import { Empty } from "./pieces.js";
import { say } from "./words.js";

const plain = (value) => (value === null || value === undefined ? "" : typeof value === "object" ? Object.values(value).map(plain).join(" ") : String(value));

const DIGITS = new Intl.NumberFormat("en", { maximumFractionDigits: 20 });
/** A figure to its last digit; only where thousands end is added. */
const figure = (value) => (typeof value === "number" ? DIGITS.format(value) : plain(value));

export function Facts({ facts }) {
  const search = address.value.query.get("figure") ?? "";
  if (!facts?.length) return html`<${Empty} title="No figures"><p>Every number in an answer comes from a tool and stands here with its source, once there is an answer.</p></${Empty}>`;
  const some = facts.map((fact) => ({ fact, text: `${(fact.subject ?? []).map(plain).join(" › ")} ${fact.measure ?? ""} ${plain(fact.statistic)} ${plain(fact.period)}` })).filter(({ text }) => text.toLowerCase().includes(search.toLowerCase()));
  return html`<input type="search" aria-label="Search figures" placeholder="Search figures" value=${search} onInput=${(event) => go(changed({ figure: event.target.value }), true)} />
    <table class="wide"><thead><tr><th>Of what</th><th>Figure</th><th class="right">Value</th><th>Source</th></tr></thead><tbody>${some.slice(0, 200).map(({ fact }) => html`<tr><td data-label="Of what">${(fact.subject ?? []).map(plain).join(" › ") || "all"}</td><td data-label="Figure">${fact.measure ?? ""} ${say(plain(fact.statistic))} <span class="muted small">${plain(fact.period)}</span></td><td class="right num" data-label="Value">${figure(fact.value)}${fact.unit ? ` ${fact.unit}` : ""}</td><td class="small muted" data-label="Source"><span class="clamp" title=${fact.source?.text}>${fact.source?.row ? `row ${fact.source.row} of ` : ""}${fact.source?.text}</span></td></tr>`)}</tbody></table>
    ${some.length > 200 ? html`<p class="muted small">The first 200 of ${some.length}; search for the others.</p>` : null}`;
}
