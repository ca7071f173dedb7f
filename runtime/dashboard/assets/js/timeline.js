// What happened with a goal, in order; and its tasks with their attempts side by side.
import { html } from "./lib.js";
import { Empty, State } from "./pieces.js";
import { Ways, Work, figures } from "./work.js";
import { brief, moment, say, sign, span } from "./words.js";

function told(event) {
  const { kind, body } = event;
  if (kind === "task") return { tone: sign(body.status).tone, text: html`${body.at ? html`<span class="muted small num" title=${body.at}>${moment(body.at)}</span> ` : ""}<strong>${body.title || body.task_id}</strong> ${body.status}${body.attempt > 1 ? `, attempt ${body.attempt}` : ""}${body.agent ? html` <span class="muted small mono">${brief(body.agent)}</span>` : ""}${body.score !== null && body.score !== undefined ? html` <span class="num">score ${body.score.toFixed(2)}</span>` : ""}${body.duration_ms ? html` <span class="muted small num">${span(body.duration_ms)}</span>` : ""}${body.reason ? html`<p class="small">${body.reason}</p>` : ""}` };
  if (kind === "agent") return { tone: body.kind === "started" ? "ok" : body.kind === "exited" || body.kind === "gave-up" ? "bad" : "warn", text: html`<span class="mono">${brief(body.agent)}</span> ${say(body.kind)}${body.reason ? `: ${body.reason}` : ""} <span class="muted small">under ${body.supervisor}</span>` };
  return { tone: "calm", text: html`${say(kind)} <code class="small">${JSON.stringify(body).slice(0, 300)}</code>` };
}

export function Timeline({ events }) {
  if (!events.length) return html`<${Empty} title="Nothing has happened yet"><p>Each step of the goal is written down here as it happens, and is read from the journal after a restart.</p></${Empty}>`;
  const shown = events.slice(-600);
  return html`${shown.length < events.length ? html`<p class="muted small">The last ${shown.length} of ${events.length} events.</p>` : null}<ol class="time">${shown.map((event) => { const { tone, text } = told(event); return html`<li key=${event.seq} class=${tone}><span class="muted small num">${event.seq}</span> ${text}</li>`; })}</ol>`;
}

/** The tasks of a plan, and what was looked at before there was one. */
export function Attempts({ id, phase, plan, picked }) {
  const tasks = [...(plan?.looks ?? []), ...(plan?.tasks ?? [])];
  if (!tasks.length) return html`<${Empty} title="No task has begun"><p>The goal is being planned, or its tasks are not told of any more.</p></${Empty}>`;
  return html`<ul class="stack">${tasks.map((task) => html`<li key=${task.id}><details open=${task.attempts.length > 1 || task.id === picked}><summary><span class="row"><${State} of=${task.status} /><strong>${task.title || task.id}</strong><span class="tag">${task.tool}</span>${task.score !== undefined && task.score !== null ? html`<span class="num small">score ${task.score.toFixed(2)}</span>` : null}<span class="muted small num">${figures(task)}</span>${task.recovered ? html`<span class="chip warn"><i aria-hidden="true">↻</i>${task.recovered}</span>` : null}</span></summary>
      <div class="stack">${plan.tasks.includes(task) ? html`<${Ways} id=${id} phase=${phase} task=${task} />` : null}<${Work} work=${task} /></div></details></li>`)}</ul>`;
}
