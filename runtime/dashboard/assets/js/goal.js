// One goal: where it stands and why, what can be done, its plan, what happened, the judgement, the answer.
import { html, useEffect, useState } from "./lib.js";
import { address, to } from "./address.js";
import { events, part } from "./contract.js";
import { mayChange, mayDecide, offers, revive, useAnswer } from "./node.js";
import { act, confirm, Note, Problem, State, Tabs } from "./pieces.js";
import { Plan } from "./plan.js";
import { Timeline, Attempts } from "./timeline.js";
import { Scores } from "./scores.js";
import { Compare } from "./compare.js";
import { Markdown } from "./markdown.js";
import { Facts } from "./facts.js";
import { Artefacts } from "./artefacts.js";
import { decide } from "./approvals.js";
import { amount, count, sentence, span } from "./words.js";

/** What `explain` calls a way, as a button. */
function wayOf(command, id) {
  const [, noun, verb, name] = command.split(" ");
  if (noun === "approvals" && (verb === "accept" || verb === "reject")) return () => decide(name, verb);
  if (noun === "goal" && ["pause", "cancel", "resume"].includes(verb)) return () => steer(id, verb);
  const task = command.split(" ")[4];
  if (noun === "goal" && verb === "retry" && task) return () => act(`/v1/goals/${part(id)}/tasks/${part(task)}/retry`, {}, "It is tried again");
  return null;
}

const SAID = { pause: "rests", cancel: "is called off", resume: "goes on" };

async function steer(id, verb) {
  if (verb === "cancel" && !(await confirm({ title: "Call this goal off?", text: "Nobody waits for its answer any more. What it has done stays on record, and it can be gone on with later.", does: "Call it off", bad: true, command: `aios goal cancel ${id}` }))) return;
  await act(`/v1/goals/${part(id)}/${verb}`, {}, `The goal ${SAID[verb]}`);
}

function Explained({ id, last }) {
  const said = useAnswer(`/v1/goals/${part(id)}/explain`, 3000);
  useEffect(() => { said.refresh(); }, [last]);
  if (!said.value) return said.error ? html`<${Problem} error=${said.error} />` : null;
  const { why, waits_for, has, evidence, can } = said.value;
  return html`<section class="card stack" aria-labelledby="why">
    <h2 id="why">Why is it where it is?</h2>
    <p>${sentence(why)}</p>
    ${waits_for.length ? html`<div><h3>It waits for</h3><ul class="stack">${waits_for.map((one) => html`<li>◌ ${one}</li>`)}</ul></div>` : null}
    ${has.length ? html`<p class="small muted">Done already, and not done again: ${has.join(", ")}</p>` : null}
    ${evidence.length ? html`<details><summary>What went wrong on the way (${evidence.length})</summary><ul class="small">${evidence.map((one) => html`<li>${one}</li>`)}</ul></details>` : null}
    ${can.length ? html`<div><h3>What can be done now</h3><ul class="stack">${can.map((way) => {
      const does = mayChange.value ? wayOf(way.command, id) : null;
      return html`<li class="row">${does ? html`<button class=${way.command.includes("cancel") || way.command.includes("reject") ? "bad" : ""} onClick=${does}>${sentence(way.does, "")}</button>` : html`<span>${sentence(way.does, ":")}</span>`}<code class="small muted">${way.command}</code></li>`;
    })}</ul></div>` : null}
  </section>`;
}

function useEvents(id) {
  const [told, tell] = useState([]);
  useEffect(() => {
    let list = [];
    let soon = 0;
    const show = () => { soon = 0; tell(list); };
    const end = events(`/v1/goals/${part(id)}/events?after=0`, (name, event) => {
      if (!event || typeof event.seq !== "number") return;
      // A watch that goes on where it broke off may tell its last event again.
      if (list.length && event.seq <= list.at(-1).seq) return;
      list = [...list, event];
      soon ||= setTimeout(show, 60);
    });
    return () => { clearTimeout(soon); end(); };
  }, [id]);
  return told;
}

function Answer({ answer, id }) {
  return html`<section class="card stack"><div class="row"><h2 class="grow">Answer</h2><${State} of=${answer.status} /></div>
    ${answer.status === "unverified" ? html`<${Note} tone="warn" sign="?">No check of this node could say whether it is right. Nothing was found wrong with it.</${Note}>` : null}
    ${answer.reason ? html`<${Note} tone="bad" sign="✕">${answer.reason}</${Note}>` : null}
    ${answer.gaps?.map((gap) => html`<${Note} tone="warn" sign="◒">Missing: ${gap}</${Note}>`)}
    ${answer.answer ? html`<${Markdown} text=${answer.answer} goal=${id} artefacts=${answer.artifacts} />` : null}
    <p class="small muted num">${span(answer.duration_ms)} · ${count(answer.spent?.tokens ?? 0, "token")} in ${count(answer.spent?.calls ?? 0, "call")} of the model · ${count(answer.messages?.sent ?? 0, "message")} · ${count(answer.restarts ?? 0, "restart")} · ${answer.verdict ? "verdict sealed by the Critic" : "no verdict"}</p>
  </section>`;
}

export function Goal({ id, line, goals, approvals }) {
  const { query } = address.value;
  const tab = query.get("tab") ?? "now";
  const told = useEvents(id);
  const last = told.at(-1)?.seq ?? 0;
  const state = useAnswer(`/v1/goals/${part(id)}`, 3000);
  useEffect(() => { state.refresh(); revive(`/v1/goals/${part(id)}/plan`); }, [last]);
  const plans = ["plan", "attempts", "scores"].includes(tab) && offers("/v1/goals/{goal_id}/plan");
  const planned = useAnswer(plans ? `/v1/goals/${part(id)}/plan` : null, 6000);
  const mine = approvals.filter((one) => one.goal === id);
  if (state.error && !state.value) return html`<section class="card"><${Problem} error=${state.error} /><p><a href="#/goals">All goals</a></p></section>`;
  const { phase, answer, error } = state.value ?? {};
  const plan = planned.value;
  const link = (name) => to(["goals", id], { ...Object.fromEntries(query), tab: name === "now" ? "" : name });
  const picked = query.get("task") ?? "";
  return html`
    <section class="card stack"><div class="row"><h2 class="grow">${line?.text || id}</h2>${phase && html`<${State} of=${phase} />`}</div>
      <p class="small muted mono">${id}</p>
      ${error ? html`<${Problem} error=${{ message: error.message, whatToDo: error.what_to_do }} />` : null}
      ${mine.map((one) => html`<div class="note warn"><i aria-hidden="true">!</i><div><strong>A person is asked</strong><p>${one.question}</p>${mayDecide.value ? html`<div class="row"><button class="main" onClick=${() => decide(one.id, "accept")}>Allow it</button><button class="bad" onClick=${() => decide(one.id, "reject")}>Forbid it</button></div>` : null}</div></div>`)}
    </section>
    <${Tabs} label="Of this goal" now=${tab} tabs=${[["now", "Now"], ["plan", "Plan"], ["attempts", "Tasks"], ["scores", "Judgement"], ["facts", `Facts${answer ? ` ${amount(answer.facts.length)}` : ""}`], ["history", "History"], ["compare", "Compare"]].map(([name, title]) => [name, title, link(name)])} />
    ${tab === "now" ? html`<${Explained} id=${id} last=${`${last}${phase}`} />${answer ? html`<${Answer} answer=${answer} id=${id} /><${Artefacts} goal=${id} artefacts=${answer.artifacts} />` : null}` : null}
    ${tab === "plan" ? html`<section class="card stack"><h2>Plan</h2><${Plan} id=${id} phase=${phase} planned=${planned} picked=${picked} /></section>` : null}
    ${tab === "attempts" ? html`<section class="card stack"><h2>Tasks and attempts</h2><${Attempts} id=${id} phase=${phase} plan=${plan} picked=${picked} /></section>` : null}
    ${tab === "scores" ? html`<section class="card stack"><h2>The Critic's judgement</h2><${Scores} answer=${answer} plan=${plan} /></section>` : null}
    ${tab === "compare" ? html`<section class="card stack"><h2>Beside another goal</h2><${Compare} id=${id} goals=${goals} other=${query.get("with") ?? ""} /></section>` : null}
    ${tab === "facts" ? html`<section class="card stack"><h2>Facts</h2><${Facts} facts=${answer?.facts} /></section>` : null}
    ${tab === "history" ? html`<section class="card stack"><h2>History</h2><${Timeline} events=${told} /></section>` : null}`;
}
