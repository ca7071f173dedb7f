// Two goals side by side: what was asked, how they were planned, what came of it. A fork beside what it was forked from, most of all.
import { html } from "./lib.js";
import { changed, go } from "./address.js";
import { part } from "./contract.js";
import { useAnswer } from "./node.js";
import { Answered, Empty, Note } from "./pieces.js";

const PARTS = [["asked", "What was asked"], ["plan", "The plan"], ["results", "What came of the tasks"], ["answer", "The answer"]];

function Differences({ id, other }) {
  const found = useAnswer(`/v1/goals/${part(id)}/diff/${part(other)}`, 5000);
  return html`<${Answered} of=${found} what="Comparing goals">${(all) => {
    const some = PARTS.filter(([name]) => all[name].length);
    if (!some.length) return html`<${Note} tone="ok" sign="=">Nothing is different between the two.</${Note}>`;
    return html`<p class="small muted">First this goal, then the other one.</p>${some.map(([name, title]) => html`<section class="stack" aria-label=${title}><h3>${title}</h3><ul class="stack small">${all[name].map((one) => html`<li>△ ${one}</li>`)}</ul></section>`)}`;
  }}</${Answered}>`;
}

export function Compare({ id, goals, other }) {
  const others = (goals ?? []).filter((goal) => goal.goal_id !== id);
  if (!others.length && !other) return html`<${Empty} title="Nothing to compare with"><p>There is no other goal. Fork this one from a task of its plan to see what another way would have come to.</p></${Empty}>`;
  return html`<label>With<select value=${other} onChange=${(event) => go(changed({ with: event.target.value }), true)}><option value="">Choose a goal</option>${others.slice(0, 300).map((goal) => html`<option value=${goal.goal_id}>${(goal.text || goal.unreadable || "").slice(0, 60)} (${goal.goal_id}, ${goal.phase})</option>`)}</select></label>
    ${other ? html`<${Differences} key=${other} id=${id} other=${other} />` : html`<p class="muted">Choose the goal that this one is compared with.</p>`}`;
}
