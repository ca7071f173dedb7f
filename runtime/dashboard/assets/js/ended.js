// Who ended lately, why, what followed, and what became of the message in hand.
import { html } from "./lib.js";
import { offers, useAnswer } from "./node.js";
import { brief, count, moment } from "./words.js";
import { linesOf } from "./rows.js";
import { to } from "./address.js";

const SHOWN = 200;

/** What became of the messages that an incarnation had in its hands. */
export function hand({ again = [], given_up = [], more = 0 }) {
  const named = (held) => `${held.act} of ${brief(held.sender)}`;
  const parts = [];
  if (again.length) parts.push(`In its hands: ${again.map(named).join(", ")}, handed to the next incarnation`);
  if (given_up.length) parts.push(`${given_up.map(named).join(", ")} given up: a dead letter, and its sender was told`);
  if (more) parts.push(`and ${count(more, "other")}`);
  return parts.join("; ");
}

function fromView(view) {
  return linesOf(view.tree).filter((line) => line.last_exit && !line.supervisor).map((line) => ({ agent: line.id, reason: line.last_exit, then: line.state === "running" ? "restarted" : line.state, supervisor: line.path.split("/").slice(0, -1).join("/") }));
}

export function Ended({ view }) {
  const told = useAnswer(offers("/v1/ended") ? "/v1/ended" : null, 6000);
  const lines = told.value ?? (view ? fromView(view) : []);
  return html`<section class="card stack"><h2>Ended lately</h2>
    ${lines.length ? html`<ol class="time ended" tabindex="0" aria-label="Ended lately">${lines.slice(0, SHOWN).map((line) => html`<li class=${line.then === "restarted" ? "warn" : ["normal", "shutdown"].includes(line.how) ? "" : "bad"}><a class="mono" href=${to(["tree"], { of: `${line.supervisor}/${line.agent}` })}>${brief(line.agent)}</a> ${line.reason}${line.at ? html` <span class="muted small num">${moment(line.at)}</span>` : null}${line.then ? html` <span class="muted small">· ${line.then}</span>` : null}${line.in_hand ? html`<p class="small muted">${hand(line.in_hand)}</p>` : null}</li>`)}</ol>` : html`<p class="muted">Nobody has fallen.</p>`}
  </section>`;
}
