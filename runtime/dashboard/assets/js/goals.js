// Goals: what was asked of the node, how each stands, what humans are asked, and a new one.
import { html } from "./lib.js";
import { address, changed, go, to } from "./address.js";
import { useAnswer, mayChange } from "./node.js";
import { Answered, Empty, Head, State, Tabs } from "./pieces.js";
import { Goal } from "./goal.js";
import { Submit } from "./submit.js";
import { Approvals } from "./approvals.js";
import { count } from "./words.js";

const PHASES = ["running", "answered", "failed", "cancelled", "interrupted", "paused", "parked"];

function List({ all, picked, query }) {
  const phase = query.get("phase") ?? "";
  const search = (query.get("q") ?? "").toLowerCase();
  const some = all.filter((goal) => (!phase || goal.phase === phase) && (!search || `${goal.goal_id} ${goal.text} ${goal.unreadable ?? ""}`.toLowerCase().includes(search)));
  return html`<section class="card flush" aria-label="Goals">
    <div class="pad bar"><input type="search" aria-label="Search goals" placeholder="Search goals" value=${query.get("q") ?? ""} onInput=${(event) => go(changed({ q: event.target.value }), true)} />
      <select aria-label="Only those in a phase" value=${phase} onChange=${(event) => go(changed({ phase: event.target.value }), true)}><option value="">Every phase</option>${PHASES.map((one) => html`<option value=${one}>${one}</option>`)}</select></div>
    ${some.length ? html`<ul class="picks">${some.slice(0, 300).map((goal) => html`<li key=${goal.goal_id}><a href=${to(["goals", goal.goal_id], Object.fromEntries(query))} aria-current=${goal.goal_id === picked ? "true" : undefined}><span class="text">${goal.text}${goal.unreadable ? html` <span class="muted">(its record cannot be read: ${goal.unreadable})</span>` : null}</span><span class="row"><${State} of=${goal.phase} /><span class="muted small mono">${goal.goal_id}</span></span></a></li>`)}</ul>`
    : html`<${Empty} title=${all.length ? "No goal fits" : "No goal yet"}>${all.length ? html`<p>None of ${count(all.length, "goal")} fits what is searched for.</p>` : html`<p>Give the node something to do, here or in a terminal:</p><code>aios goal submit "Analyze Q3 sales" --data sales.csv</code>`}</${Empty}>`}
    ${some.length > 300 ? html`<p class="pad muted small">The newest 300 of ${some.length} are shown; search for the others.</p>` : null}
  </section>`;
}

export function Goals({ at, goals, approvals }) {
  const { query } = address.value;
  const id = at.parts[1];
  const tab = query.get("tab") ?? "";
  const open = approvals.value?.filter((one) => one.status === "open") ?? [];
  const fresh = id === "new" || (!id && tab === "new");
  return html`<${Head} title="Goals" actions=${mayChange.value ? html`<a class="button" href="#/goals/new">+ New goal</a>` : null}>What the node was asked for: its plan, what became of each task, the Critic's view, and the answer.</${Head}>
    <${Tabs} label="Goals" now=${tab === "approvals" && !id ? "approvals" : "all"} tabs=${[["all", `All${goals.value ? ` ${goals.value.length}` : ""}`, "#/goals"], ["approvals", `Waiting for a person ${open.length}`, "#/goals?tab=approvals"]]} />
    ${tab === "approvals" && !id ? html`<${Approvals} of=${approvals} />`
    : html`<div class=${`split ${id || goals.value?.length ? "list" : ""} ${id ? "picked" : ""}`}>
      <${Answered} of=${goals} what="Goals">${(all) => html`<${List} all=${all} picked=${id} query=${query} />`}</${Answered}>
      <div class="stack">${id ? html`<a class="back" href="#/goals">‹ All goals</a>` : null}${fresh ? html`<${Submit} />` : id ? html`<${Goal} key=${id} id=${id} line=${goals.value?.find((goal) => goal.goal_id === id)} goals=${goals.value} approvals=${open} />` : goals.value?.length ? html`<section class="card"><${Empty} title="Pick a goal"><p>Its plan, its tasks and its answer are shown here.</p></${Empty}></section>` : null}</div>
    </div>`}`;
}
