// How a task went: its attempts side by side, what changed between them, what the Critic said of each and what shows it; and what can be
// done with it.
import { html } from "./lib.js";
import { go, to } from "./address.js";
import { part } from "./contract.js";
import { mayChange, offers } from "./node.js";
import { act, confirm, State } from "./pieces.js";
import { brief, count, moment, say, span } from "./words.js";

const has = (value) => value !== undefined && value !== null;

function Issue({ issue }) {
  const bad = issue.severity === "critical" || issue.severity === "error";
  return html`<li><span class=${`chip ${bad ? "bad" : "warn"}`}><i aria-hidden="true">${bad ? "✕" : "!"}</i>${issue.category}</span> ${issue.description}${issue.location ? html` <span class="muted">at “${issue.location}”</span>` : null}${issue.evidence ? html`<p class="muted">What shows it: ${issue.evidence}</p>` : null}</li>`;
}

/** What is wrong with something, worst first. */
export function Issues({ issues }) {
  if (!issues?.length) return null;
  return html`<ul class="stack small">${issues.map((issue) => html`<${Issue} issue=${issue} />`)}</ul>`;
}

function Judged({ judged }) {
  const dimensions = Object.entries(judged.dimensions).filter(([, value]) => value < 1);
  return html`<div class="stack"><p class="num">The Critic: ${judged.score.toFixed(2)}, ${say(judged.verdict).replaceAll("-", " ")}${judged.checked ? "" : ", its accuracy nobody could check"}${dimensions.length ? html` <span class="muted">(${dimensions.map(([name, value]) => `${name} ${value.toFixed(2)}`).join(", ")})</span>` : null}</p><${Issues} issues=${judged.issues} /></div>`;
}

function Attempt({ attempt }) {
  return html`<li class="card stack small"><div class="row"><strong>Attempt ${attempt.number}</strong><${State} of=${attempt.status} /></div>
    <p class="num muted">${attempt.began ? moment(attempt.began) : ""}${has(attempt.took_ms) ? `, ${span(attempt.took_ms)}` : ""}${attempt.agent ? html` <span class="mono">${brief(attempt.agent)}</span>` : null}</p>
    ${attempt.changed?.length ? html`<div><p class="muted">Other than before:</p><ul>${attempt.changed.map((one) => html`<li>△ ${one}</li>`)}</ul></div>` : null}
    ${attempt.reason ? html`<p>${attempt.reason}</p>` : null}${attempt.judged ? html`<${Judged} judged=${attempt.judged} />` : null}</li>`;
}

/** Seconds and tokens of a piece of work, in a line. */
export function figures(work) {
  return [has(work.took_ms) ? span(work.took_ms) : "", has(work.tool_ms) ? `${span(work.tool_ms)} in the tool` : "", has(work.tokens) ? count(work.tokens, "token") : "", work.attempts?.length > 1 ? count(work.attempts.length, "attempt") : ""].filter(Boolean).join(", ");
}

export function Work({ work }) {
  return html`${figures(work) ? html`<p class="small num">${figures(work)}</p>` : null}${work.recovered ? html`<p class="small">↻ ${work.recovered}</p>` : null}${work.reason && !work.attempts?.some((one) => one.reason === work.reason) ? html`<p class="small">${work.reason}</p>` : null}
    ${work.attempts?.length ? html`<ol class="cards">${work.attempts.map((attempt) => html`<${Attempt} key=${attempt.number} attempt=${attempt} />`)}</ol>` : null}
    ${work.parts?.length ? html`<details><summary class="small">${count(work.parts.length, "element")} of its list</summary><ul class="stack">${work.parts.map((one) => html`<li key=${one.id}><div class="row"><${State} of=${one.status} /><span class="mono small">${one.id}</span><span class="small muted num">${figures(one)}</span></div>${one.attempts.length > 1 || one.reason ? html`<${Work} work=${one} />` : null}</li>`)}</ul></details>` : null}`;
}

async function fork(id, task) {
  const meant = await confirm({ title: `Go another way from “${task.title || task.id}” on?`, text: "A new goal begins: what was finished and does not rest on this task is taken over, the rest is done anew. This goal stays as it is.", does: "Fork from here", command: `aios goal fork ${id} --at ${task.id}` });
  const made = meant && await act(`/v1/goals/${part(id)}/fork`, { at: task.id }, "The fork is under way");
  if (made) go(to(["goals", made.goal_id], { tab: "compare", with: id }));
}

async function again(id, task) {
  const meant = await confirm({ title: `Try “${task.title || task.id}” again?`, text: "What was finished is not done again; the goal goes on from there.", does: "Try it again", command: `aios goal retry ${id} ${task.id}` });
  if (meant) await act(`/v1/goals/${part(id)}/tasks/${part(task.id)}/retry`, {}, "It is tried again");
}

/** What can be done with a task of a goal that nobody works on now. */
export function Ways({ id, phase, task }) {
  if (!mayChange.value || !phase || phase === "running") return null;
  return html`<div class="row">${offers("/v1/goals/{goal_id}/fork", "post") ? html`<button onClick=${() => fork(id, task)}>Fork from here</button>` : null}${task.status === "failed" ? html`<button onClick=${() => again(id, task)}>Try it again</button>` : null}</div>`;
}
