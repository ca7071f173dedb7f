// What the Critic said: the whole, each dimension, each task.
import { html } from "./lib.js";
import { State } from "./pieces.js";
import { amount } from "./words.js";

/** What an answer must reach to leave. */
const PASS = 0.85;
const WEIGHTS = { relevance: 0.25, clarity: 0.25, accuracy: 0.25, completeness: 0.15, tone: 0.1 };

function Bar({ value }) {
  return html`<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class=${value < 0.6 ? "low" : value < PASS ? "mid" : ""} width=${100 * Math.max(0, Math.min(1, value))} height="10" /><path class="pass" d=${`M${100 * PASS} 0V10`} /></svg>`;
}

export function Scores({ answer, tasks }) {
  const { critic } = answer;
  const dimensions = Object.entries(critic.dimensions ?? {});
  const low = tasks.flatMap((task) => task.attempts.filter((attempt) => attempt.reason).map((attempt) => ({ task, attempt })));
  return html`<div class="row"><span class="big">${critic.score.toFixed(2)}</span><${State} of=${answer.status} /><span class="muted small">at least ${PASS} passes (the line); below 0.60 it is made anew</span></div>
    <div class="scores">${dimensions.map(([name, value]) => html`<span>${name}${WEIGHTS[name] ? html` <span class="muted small">${WEIGHTS[name] * 100} %</span>` : null}</span><${Bar} value=${value} /><span class="num">${value.toFixed(2)}</span>`)}</div>
    ${answer.tasks?.length ? html`<h3>Each result</h3><div class="scores">${answer.tasks.map((task) => html`<span class="mono small">${task.id}</span>${task.score === null ? html`<span class="muted small">not scored</span>` : html`<${Bar} value=${task.score} />`}<span class="num">${task.score === null ? "–" : task.score.toFixed(2)}</span>`)}</div>` : null}
    ${low.length ? html`<h3>The evidence</h3><ul class="stack small">${low.map(({ task, attempt }) => html`<li><strong>${task.title || task.id}</strong>, attempt ${attempt.number}: ${attempt.reason}</li>`)}</ul>` : html`<p class="muted small">No result was sent back.</p>`}
    <p class="small muted">${answer.facts.length ? `${amount(answer.facts.length)} figures stand behind it, each with its source.` : "No figures stand behind it."}</p>`;
}
