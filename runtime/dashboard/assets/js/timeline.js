// What happened with a goal, in order; and its tasks with their attempts side by side.
import { html } from "./lib.js";
import { Empty, State } from "./pieces.js";
import { brief, count, say, sign, span } from "./words.js";
import { differs } from "./progress.js";

function told(event) {
  const { kind, body } = event;
  if (kind === "task") return { tone: sign(body.status).tone, text: html`<strong>${body.title || body.task_id}</strong> ${body.status}${body.attempt > 1 ? `, attempt ${body.attempt}` : ""}${body.agent ? html` <span class="muted small mono">${brief(body.agent)}</span>` : ""}${body.score !== null && body.score !== undefined ? html` <span class="num">score ${body.score.toFixed(2)}</span>` : ""}${body.duration_ms ? html` <span class="muted small num">${span(body.duration_ms)}</span>` : ""}${body.reason ? html`<p class="small">${body.reason}</p>` : ""}` };
  if (kind === "agent") return { tone: body.kind === "started" ? "ok" : body.kind === "exited" || body.kind === "gave-up" ? "bad" : "warn", text: html`<span class="mono">${brief(body.agent)}</span> ${say(body.kind)}${body.reason ? `: ${body.reason}` : ""} <span class="muted small">under ${body.supervisor}</span>` };
  return { tone: "calm", text: html`${say(kind)} <code class="small">${JSON.stringify(body).slice(0, 300)}</code>` };
}

export function Timeline({ events }) {
  if (!events.length) return html`<${Empty} title="Nothing has happened yet"><p>Each step of the goal is written down here as it happens, and is read from the journal after a restart.</p></${Empty}>`;
  const shown = events.slice(-600);
  return html`${shown.length < events.length ? html`<p class="muted small">The last ${shown.length} of ${events.length} events.</p>` : null}<ol class="time">${shown.map((event) => { const { tone, text } = told(event); return html`<li key=${event.seq} class=${tone}><span class="muted small num">${event.seq}</span> ${text}</li>`; })}</ol>`;
}

export function Attempts({ tasks, answer, picked }) {
  if (!tasks.length) return html`<${Empty} title="No task has begun"><p>The goal is being planned, or its tasks are not told of any more.</p></${Empty}>`;
  const reports = new Map((answer?.tasks ?? []).map((task) => [task.id, task]));
  return html`<ul class="stack">${tasks.map((task) => {
    const report = reports.get(task.id);
    const many = task.attempts.length > 1;
    return html`<li key=${task.id}><details open=${many || task.id === picked}><summary><span class="row"><${State} of=${task.status} /><strong>${task.title || task.id}</strong><span class="tag">${task.tool}</span>${task.score !== undefined && task.score !== null ? html`<span class="num small">score ${task.score.toFixed(2)}</span>` : null}<span class="muted small num">${count(task.attempts.length, "attempt")}${report?.duration_ms ? `, ${span(report.duration_ms)}` : task.duration_ms ? `, ${span(task.duration_ms)}` : ""}</span>${report?.recovered ? html`<span class="chip warn">${report.recovered}</span>` : null}</span></summary>
      <div class="cards">${task.attempts.map((attempt, at) => html`<div class="card stack small"><div class="row"><strong>Attempt ${attempt.number}</strong><${State} of=${attempt.status} /></div>
        ${attempt.agent ? html`<span class="mono">${brief(attempt.agent)}</span>` : null}${attempt.score !== undefined && attempt.score !== null ? html`<span class="num">score ${attempt.score.toFixed(2)}</span>` : null}${attempt.reason ? html`<p>${attempt.reason}</p>` : null}
        ${at > 0 && differs(attempt, task.attempts[at - 1]).length ? html`<p class="muted">Other than before: ${differs(attempt, task.attempts[at - 1]).join("; ")}</p>` : null}</div>`)}</div></details></li>`;
  })}</ul>`;
}
