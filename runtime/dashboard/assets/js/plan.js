// The plan of a goal as a graph. What is drawn is the plan itself, never what could be guessed from what happened.
import { html, useMemo } from "./lib.js";
import { Graph, layout } from "../vendor/dagre.js";
import { changed, go } from "./address.js";
import { offers } from "./node.js";
import { Empty, NotOffered, Problem, State } from "./pieces.js";
import { needsOf } from "./progress.js";
import { Ways, Work } from "./work.js";
import { sign, span } from "./words.js";

const WIDE = 216;
const HIGH = 58;
/** A plan that is wider than its place is drawn smaller down to this, and moved under its frame beyond that. */
const SMALLEST = 0.62;
/** Beyond so many tasks a list says more than a drawing. */
const DRAWN_MAX = 400;

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const has = (value) => value !== undefined && value !== null;

function drawn(tasks) {
  const graph = new Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 22, ranksep: 56, marginx: 12, marginy: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  const ids = new Set(tasks.map((task) => task.id));
  for (const task of tasks) graph.setNode(task.id, { width: WIDE, height: HIGH });
  const edges = [];
  for (const task of tasks) {
    const needs = needsOf(task);
    for (const need of needs) if (ids.has(need)) { graph.setEdge(need, task.id); edges.push([need, task.id, "needs"]); }
    for (const after of task.after ?? []) if (ids.has(after) && !needs.includes(after)) { graph.setEdge(after, task.id); edges.push([after, task.id, "after"]); }
  }
  layout(graph);
  return { graph, edges };
}

const line = (points) => points.map(({ x, y }, at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** A plan with how far it has come, or one of which nothing is done yet. */
export function Drawing({ plan, picked = "", onPick }) {
  // How the tasks hang together does not change while they are worked on.
  const shape = JSON.stringify(plan.tasks.map((task) => [task.id, needsOf(task), task.after ?? []]));
  const { graph, edges } = useMemo(() => drawn(plan.tasks), [shape]);
  const path = plan.critical_path ?? [];
  const size = graph.graph();
  const places = plan.tasks.map((task) => ({ task, at: graph.node(task.id) })).sort((a, b) => a.at.x - b.at.x || a.at.y - b.at.y);
  const hot = (from, until) => path.includes(from) && path.indexOf(until) - path.indexOf(from) === 1;
  return html`<div class="plan" tabindex="0" role="region" aria-label="The plan as a graph"><svg style=${{ width: "100%", maxWidth: `${size.width}px`, minWidth: `${size.width * SMALLEST}px` }} viewBox=${`0 0 ${size.width} ${size.height}`} role="group" aria-label=${`${plan.tasks.length} tasks`}>
    <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" orient="auto" markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z" /></marker></defs>
    ${edges.map(([from, until, kind]) => html`<path class=${`edge ${kind} ${hot(from, until) ? "hot" : ""}`} d=${line(graph.edge(from, until).points)} marker-end="url(#arrow)" />`)}
    ${places.map(({ task, at }) => {
      const status = task.status ?? "pending";
      const { glyph, tone } = sign(status);
      const title = task.title || task.id;
      const tries = (task.attempts?.length ?? 0) > 1 ? `, ${task.attempts.length} attempts` : "";
      const label = `${title}, ${task.tool ?? `agent ${task.agent}`}, ${status}${has(task.score) ? `, score ${task.score.toFixed(2)}` : ""}${tries}`;
      const figures = [has(task.score) ? task.score.toFixed(2) : "", has(task.took_ms) ? span(task.took_ms) : "", tries ? `×${task.attempts.length}` : ""].filter(Boolean).join(" · ");
      return html`<g class=${`task ${tone}`} tabindex="0" role="button" aria-pressed=${task.id === picked} transform=${`translate(${at.x - WIDE / 2} ${at.y - HIGH / 2})`} onClick=${() => onPick?.(task.id)} onKeyDown=${(event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); onPick?.(task.id); } }}>
        <title>${label}</title><rect class="box" width=${WIDE} height=${HIGH} rx="9" />
        <text x="12" y="23">${glyph} ${cut(title, 24)}</text>
        <text class="sub" x="12" y="43">${cut(task.tool ?? `@${task.agent}`, figures ? 12 : 24)}${figures ? ` · ${figures}` : ""}</text>
      </g>`;
    })}
  </svg></div>${path.length > 1 ? html`<p class="small muted">The chain that took longest (thick): ${path.join(" → ")}, ${span(plan.critical_path_ms)} with the Critic's part.</p>` : null}`;
}

const MADE = { model: "a model", file: "whoever wrote the file", rules: "a pack's rules" };

export function Plan({ id, phase, planned, picked }) {
  const pick = (task) => go(changed({ task: task === picked ? "" : task }), true);
  const plan = planned.value;
  if (offers("/v1/goals/{goal_id}/plan") === false) return html`<${NotOffered} what="The plan of a goal under way" />`;
  if (planned.error && !plan) return html`<${Problem} error=${planned.error} />`;
  if (!plan?.tasks?.length) return html`<${Empty} title=${phase === "running" || !phase ? "No plan yet" : "There was no plan"}><p>${phase === "running" || !phase ? "It is being planned. A plan is a graph of tasks that is checked before anything runs." : "The goal ended before it was planned."}</p></${Empty}>`;
  const one = plan.tasks.find((task) => task.id === picked);
  return html`${plan.tasks.length > DRAWN_MAX ? html`<p class="muted">The plan has ${plan.tasks.length} tasks, too many to draw; they stand under “Tasks”.</p>` : html`<${Drawing} plan=${plan} picked=${picked} onPick=${pick} />`}
    <p class="small muted">Made by ${MADE[plan.source] ?? `the rules of ${plan.source}`}. Solid: needs its result. Dashed: waits for its end. Pick a task to see it closely${phase && phase !== "running" ? ", or to go another way from there" : ""}.</p>
    ${plan.gaps?.map((gap) => html`<p class="small">◒ Not in the plan: ${gap}</p>`)}
    ${one ? html`<div class="note" aria-live="polite"><i aria-hidden="true">▸</i><div class="stack"><div class="row"><strong>${one.title || one.id}</strong><${State} of=${one.status} /></div><${Ways} id=${id} phase=${phase} task=${one} /><${Work} work=${one} /><details><summary class="small">What it is given</summary><pre tabindex="0">${JSON.stringify(one.args, null, 2)}</pre></details></div></div>` : null}`;
}
