// The plan of a goal as a graph. What is drawn is the plan itself, never what could be guessed from what happened.
import { html, useMemo } from "./lib.js";
import { Graph, layout } from "../vendor/dagre.js";
import { changed, go } from "./address.js";
import { offers } from "./node.js";
import { Empty, NotOffered, Problem, State } from "./pieces.js";
import { critical, needsOf } from "./progress.js";
import { sign, span } from "./words.js";

const WIDE = 216;
const HIGH = 58;
/** A plan that is wider than its place is drawn smaller down to this, and moved under its frame beyond that. */
const SMALLEST = 0.62;
/** Beyond so many tasks a list says more than a drawing. */
const DRAWN_MAX = 400;

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function drawn(plan) {
  const graph = new Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 22, ranksep: 56, marginx: 12, marginy: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  const ids = new Set(plan.tasks.map((task) => task.id));
  for (const task of plan.tasks) graph.setNode(task.id, { width: WIDE, height: HIGH });
  const edges = [];
  for (const task of plan.tasks) {
    const needs = needsOf(task);
    for (const need of needs) if (ids.has(need)) { graph.setEdge(need, task.id); edges.push([need, task.id, "needs"]); }
    for (const after of task.after ?? []) if (ids.has(after) && !needs.includes(after)) { graph.setEdge(after, task.id); edges.push([after, task.id, "after"]); }
  }
  layout(graph);
  return { graph, edges };
}

const line = (points) => points.map(({ x, y }, at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

export function Drawing({ plan, tasks = [], picked = "", onPick }) {
  const { graph, edges } = useMemo(() => drawn(plan), [plan]);
  const known = new Map(tasks.map((task) => [task.id, task]));
  const took = new Map(tasks.filter((task) => task.duration_ms !== undefined).map((task) => [task.id, task.duration_ms]));
  const longest = useMemo(() => critical(plan.tasks, took), [plan, tasks]);
  const hot = new Set(longest.path);
  const size = graph.graph();
  const places = plan.tasks.map((task) => ({ task, at: graph.node(task.id) })).sort((a, b) => a.at.x - b.at.x || a.at.y - b.at.y);
  return html`<div class="plan" tabindex="0" role="region" aria-label="The plan as a graph"><svg style=${{ width: "100%", maxWidth: `${size.width}px`, minWidth: `${size.width * SMALLEST}px` }} viewBox=${`0 0 ${size.width} ${size.height}`} role="group" aria-label=${`${plan.tasks.length} tasks`}>
    <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" orient="auto" markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z" /></marker></defs>
    ${edges.map(([from, until, kind]) => html`<path class=${`edge ${kind} ${longest.ms > 0 && hot.has(from) && hot.has(until) && longest.path.indexOf(until) - longest.path.indexOf(from) === 1 ? "hot" : ""}`} d=${line(graph.edge(from, until).points)} marker-end="url(#arrow)" />`)}
    ${places.map(({ task, at }) => {
      const now = known.get(task.id);
      const status = now?.status ?? "pending";
      const { glyph, tone } = sign(status);
      const title = task.title || task.id;
      const label = `${title}, ${task.tool ?? `agent ${task.agent}`}, ${status}${now?.score ? `, score ${now.score.toFixed(2)}` : ""}`;
      return html`<g class=${`task ${tone}`} tabindex="0" role="button" aria-pressed=${task.id === picked} transform=${`translate(${at.x - WIDE / 2} ${at.y - HIGH / 2})`} onClick=${() => onPick?.(task.id)} onKeyDown=${(event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); onPick?.(task.id); } }}>
        <title>${label}</title><rect class="box" width=${WIDE} height=${HIGH} rx="9" />
        <text x="12" y="23">${glyph} ${cut(title, 24)}</text>
        <text class="sub" x="12" y="43">${cut(task.tool ?? `@${task.agent}`, 13)}${now?.score !== undefined && now?.score !== null ? ` · ${now.score.toFixed(2)}` : ""}${now?.duration_ms !== undefined ? ` · ${span(now.duration_ms)}` : ""}</text>
      </g>`;
    })}
  </svg></div>${longest.ms > 0 && longest.path.length > 1 ? html`<p class="small muted">The longest chain (thick): ${longest.path.join(" → ")}, ${span(longest.ms)} in tools.</p>` : null}`;
}

export function Plan({ id, planned, tasks, picked }) {
  const pick = (task) => go(changed({ task: task === picked ? "" : task }), true);
  const plan = planned.value?.plan ?? planned.value;
  const one = tasks.find((task) => task.id === picked);
  const asked = plan?.tasks?.find((task) => task.id === picked);
  if (offers("/v1/goals/{goal_id}/plan") === false) {
    return html`<${NotOffered} what="The plan of a goal under way" />${tasks.length ? html`<p class="muted">The tasks it has told of so far stand under “Tasks”; how they hang together is not guessed.</p>` : null}`;
  }
  if (planned.error && !plan) return html`<${Problem} error=${planned.error} />`;
  if (!plan?.tasks?.length) return html`<${Empty} title="No plan yet"><p>It is being planned. A plan is a graph of tasks that is checked before anything runs.</p></${Empty}>`;
  return html`${plan.tasks.length > DRAWN_MAX ? html`<p class="muted">The plan has ${plan.tasks.length} tasks, too many to draw; they stand under “Tasks”.</p>` : html`<${Drawing} plan=${plan} tasks=${tasks} picked=${picked} onPick=${pick} />`}
    <p class="small muted">Made by ${{ rules: "a pack's rules", model: "a model", file: "whoever wrote the file" }[plan.source] ?? plan.source ?? "the node"}. Solid: needs its result. Dashed: waits for its end.</p>
    ${picked && (one || asked) ? html`<div class="note"><i aria-hidden="true">▸</i><div class="stack"><strong>${asked?.title || one?.title || picked}</strong>${one ? html`<div class="row"><${State} of=${one.status} />${one.agent ? html`<span class="mono small">${one.agent}</span>` : null}</div>` : null}${one?.reason ? html`<p>${one.reason}</p>` : null}${asked ? html`<pre>${JSON.stringify(asked.args, null, 2)}</pre>` : null}</div></div>` : null}`;
}
