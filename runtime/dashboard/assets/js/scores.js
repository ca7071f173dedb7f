// What the Critic said: the whole, each dimension, each task, and what shows it.
import { html } from "./lib.js";
import { Empty, State } from "./pieces.js";
import { Issues } from "./work.js";
import { amount } from "./words.js";

/** What an answer must reach to leave. */
const PASS = 0.85;
const WEIGHTS = { relevance: 0.25, clarity: 0.25, accuracy: 0.25, completeness: 0.15, tone: 0.1 };

function Bar({ value }) {
  return html`<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class=${value < 0.6 ? "low" : value < PASS ? "mid" : ""} width=${100 * Math.max(0, Math.min(1, value))} height="10" /><path class="pass" d=${`M${100 * PASS} 0V10`} /></svg>`;
}

function Dimensions({ of }) {
  return html`<div class="scores">${Object.entries(of).map(([name, value]) => html`<span>${name}${WEIGHTS[name] ? html` <span class="muted small">${WEIGHTS[name] * 100} %</span>` : null}</span><${Bar} value=${value} /><span class="num">${value.toFixed(2)}</span>`)}</div>`;
}

/** Every judgement of a task: of each attempt, and of each element of its list. */
function judgements(task) {
  const own = (work, name) => (work.attempts ?? []).filter((attempt) => attempt.judged).map((attempt) => ({ name: work.attempts.length > 1 ? `${name}, attempt ${attempt.number}` : name, judged: attempt.judged }));
  return [...own(task, task.title || task.id), ...(task.parts ?? []).flatMap((one) => own(one, one.title || one.id))];
}

export function Scores({ answer, plan }) {
  const whole = plan?.judged ?? (answer && Object.keys(answer.critic.dimensions ?? {}).length ? answer.critic : null);
  const each = [...(plan?.looks ?? []), ...(plan?.tasks ?? [])].flatMap(judgements);
  if (!whole && !each.length) return html`<${Empty} title="Nothing to judge yet"><p>The Critic scores each result, and the whole answer before it leaves.</p></${Empty}>`;
  return html`${whole ? html`<div class="row"><span class="big">${whole.score.toFixed(2)}</span>${answer ? html`<${State} of=${answer.status} />` : null}<span class="muted small">at least ${PASS} passes (the line); below 0.60 it is made anew</span></div>
    <${Dimensions} of=${whole.dimensions} />${whole.issues?.length ? html`<h3>The evidence</h3><${Issues} issues=${whole.issues} />` : html`<p class="muted small">Nothing was found wrong with the answer.</p>`}` : null}
    ${each.length ? html`<h3>Each result</h3><ul class="stack">${each.map(({ name, judged }) => html`<li class="stack"><div class="scores"><span class="small">${name}</span><${Bar} value=${judged.score} /><span class="num">${judged.score.toFixed(2)}</span></div>${judged.issues?.length || !judged.verdict.startsWith("approved") ? html`<details open=${!judged.verdict.startsWith("approved")}><summary class="small">Why</summary><${Dimensions} of=${judged.dimensions} /><${Issues} issues=${judged.issues} /></details>` : null}</li>`)}</ul>` : null}
    ${answer ? html`<p class="small muted">${answer.facts.length ? `${amount(answer.facts.length)} figures stand behind it, each with its source.` : "No figures stand behind it."}</p>` : null}`;
}
