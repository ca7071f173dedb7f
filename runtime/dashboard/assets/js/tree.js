// The supervision tree, live. Ten thousand agents are a list of which the part in sight is fetched and drawn.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./lib.js";
import { address, changed, go } from "./address.js";
import { useTree } from "./branches.js";
import { stateOf, twigs, unfolded } from "./rows.js";
import { Empty, Head, Meter, Problem, State } from "./pieces.js";
import { Sheet } from "./sheet.js";
import { Ended } from "./ended.js";
import { Swarm } from "./swarm.js";
import { amount, brief, count, span } from "./words.js";

/** Rows drawn above and below those in sight. */
const SPARE = 8;
/** How high the line of headings is, in pixels. */
const HEAD = 36;
const STATES = ["running", "starting", "waiting", "suspended", "backoff", "stopping", "stopped", "finished"];

function Twigs({ marks, height }) {
  const width = marks.length * 16;
  if (!width) return null;
  const drawn = marks.map((last, level) => {
    const x = level * 16 + 9;
    if (level < marks.length - 1) return last ? "" : `M${x} 0V${height}`;
    return last ? `M${x} 0V${height / 2}H${x + 7}` : `M${x} 0V${height}M${x} ${height / 2}H${x + 7}`;
  });
  return html`<svg class="twig" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} fill="none" stroke="currentColor" shape-rendering="crispEdges" aria-hidden="true"><path d=${drawn.join("")} /></svg>`;
}

function Row({ line, marks, index, height, selected, folded, onFold, onPick, fresh }) {
  const sup = line.supervisor;
  const state = stateOf(line);
  const restarts = sup ? html`<${Meter} value=${sup.restarts_counted} most=${sup.restarts_allowed} tail=${` in ${span(sup.window_ms)}`} />` : line.restarts ? html`<span class="num">↻ ${count(line.restarts, "restart")}</span>` : html`<span class="muted">–</span>`;
  const load = line.mailbox ? html`<${Meter} value=${line.mailbox.queued} most=${line.mailbox.capacity} />` : html`<span class="muted">–</span>`;
  const note = line.last_exit ? html`<span>✕ ${line.last_exit}</span>` : html`<span class="muted">${line.note ?? "–"}</span>`;
  return html`<div class=${`row1 ${fresh ? "fresh" : ""}`} role="row" id=${`row-${index}`} aria-level=${line.level + 1} aria-selected=${selected} aria-rowindex=${index + 2} aria-expanded=${sup && line.level ? !folded : undefined} style=${{ top: `${index * height}px` }} onClick=${() => onPick(line)}>
    <div role="gridcell" class=${`name ${sup ? "sup" : ""}`}><${Twigs} marks=${marks} height=${height} />${sup && line.level && onFold ? html`<button class="fold" tabindex="-1" aria-label=${folded ? "open" : "close"} onClick=${(event) => { event.stopPropagation(); onFold(line.path); }}>${folded ? "▸" : "▾"}</button>` : null}<span class="label" title=${line.id}>${brief(line.id)}</span>${sup ? html`<span class="tag">${sup.strategy.replaceAll("_", " ")}</span>` : null}</div>
    <div role="gridcell" class="c-state"><${State} of=${state} /></div>
    <div role="gridcell" class="c-restarts small">${restarts}${line.backoff_left_ms ? html` <span class="muted">back in ${span(line.backoff_left_ms)}</span>` : null}</div>
    <div role="gridcell" class="c-mail small">${load}${line.agent?.per_second ? html` <span class="muted num">${amount(line.agent.per_second)}/s</span>` : null}</div>
    <div role="gridcell" class="c-exit small cut" title=${line.last_exit || line.note || ""}>${note}</div>
    <div role="gridcell" class="c-since small muted num">${span(line.since_ms)}</div>
  </div>`;
}

function Lines({ view, search, only, picked }) {
  const [folded, fold] = useState(() => new Set());
  const [seen, see] = useState({ top: 0, height: 700, row: 38 });
  const box = useRef(null);
  const from = Math.max(0, Math.floor(seen.top / seen.row) - SPARE);
  const wish = Math.ceil((seen.top + seen.height) / seen.row) + SPARE;
  const tree = useTree({ search, only, from, until: wish, view });
  const shown = useMemo(() => {
    if (!tree.whole || !tree.lines) return null;
    const lines = unfolded(tree.lines, folded);
    return { lines, marks: twigs(lines) };
  }, [tree.lines, tree.whole, folded]);
  const total = shown ? shown.lines.length : tree.total;
  const at = (index) => (shown ? shown.lines[index] : tree.at?.(index));
  const until = Math.min(total, wish);
  const there = Boolean(shown) || !tree.whole;
  useLayoutEffect(() => {
    const node = box.current;
    if (!node) return undefined;
    const measure = () => see((old) => {
      const row = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row")) || 38;
      const now = { top: node.scrollTop, height: node.clientHeight, row };
      return now.top === old.top && now.height === old.height && now.row === old.row ? old : now;
    });
    measure();
    node.addEventListener("scroll", measure, { passive: true });
    const watcher = new ResizeObserver(measure);
    watcher.observe(node);
    return () => { node.removeEventListener("scroll", measure); watcher.disconnect(); };
  }, [there]);
  // Who was brought back since the last look is lit for a moment.
  const before = useRef(new Map());
  const drawn = [];
  for (let index = from; index < until; index += 1) { const line = at(index); if (line) drawn.push({ line, index, marks: shown ? shown.marks[index] : new Array(line.level).fill(true) }); }
  const fresh = new Set(drawn.filter(({ line }) => before.current.has(line.path) && before.current.get(line.path) !== line.incarnation).map(({ line }) => line.path));
  useEffect(() => { for (const { line } of drawn) before.current.set(line.path, line.incarnation); });
  const placeOf = (path) => (shown ? shown.lines.findIndex((line) => line.path === path) : drawn.find(({ line }) => line.path === path)?.index ?? -1);
  const chosen = placeOf(picked);
  const pick = (line) => { if (line) go(changed({ of: line.path }), true); };
  const flip = (path) => fold((old) => { const next = new Set(old); if (!next.delete(path)) next.add(path); return next; });
  const keys = (event) => {
    // Keys may come faster than they are drawn: what is picked is read from the address.
    const now = address.value.query.get("of") ?? "";
    const chosen = placeOf(now);
    const line = chosen >= 0 ? at(chosen) : null;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -Infinity, End: Infinity }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = Math.max(0, Math.min(total - 1, (chosen < 0 ? -1 : chosen) + step));
      pick(at(next));
      const top = next * seen.row;
      if (top < box.current.scrollTop) box.current.scrollTop = top;
      else if (top + seen.row + HEAD > box.current.scrollTop + box.current.clientHeight) box.current.scrollTop = top + seen.row + HEAD - box.current.clientHeight;
    } else if (shown && line?.supervisor && line.level && ((event.key === "ArrowLeft" && !folded.has(line.path)) || (event.key === "ArrowRight" && folded.has(line.path)))) {
      event.preventDefault();
      flip(line.path);
    } else if (event.key === "Escape") go(changed({ of: "" }), true);
    else if (event.key === "Enter" && line) document.getElementById("sheet")?.focus();
  };
  if (tree.error && !there) return html`<${Problem} error=${tree.error} />`;
  if (!there) return html`<p class="muted" role="status">Asking the node …</p>`;
  const asleep = tree.sleepers ? html`<p class="small muted">☾ ${count(tree.sleepers.asleep, "agent")} asleep, told of by their number alone; ${amount(tree.sleepers.awake)} of the same awake, woken ${amount(tree.sleepers.woken)} times.</p>` : null;
  if (!total) return html`${asleep}<div class="card"><${Empty} title="Nothing fits"><p>No agent of this node fits what is searched for.</p><button onClick=${() => go(changed({ q: "", only: "" }))}>Show all</button></${Empty}></div>`;
  return html`${asleep}<div class="grid" ref=${box} role="treegrid" tabindex="0" aria-label="Supervision tree; arrow keys move, left and right fold" aria-rowcount=${total + 1} aria-colcount="6" aria-activedescendant=${chosen >= from && chosen < until ? `row-${chosen}` : undefined} onKeyDown=${keys}>
    <div role="rowgroup" class="top"><div class="head1" role="row"><span role="columnheader">Name</span><span role="columnheader">State</span><span role="columnheader" class="h-restarts">Restarts</span><span role="columnheader" class="h-mail">Mailbox</span><span role="columnheader" class="h-exit">Last exit or note</span><span role="columnheader" class="h-since">For</span></div></div>
    <div class="space" role="rowgroup" style=${{ height: `${total * seen.row}px` }}>
      ${drawn.map(({ line, index, marks }) => html`<${Row} key=${line.path} line=${line} marks=${marks} index=${index} height=${seen.row} selected=${index === chosen} folded=${folded.has(line.path)} fresh=${fresh.has(line.path)} onFold=${shown ? flip : null} onPick=${pick} />`)}
    </div>
  </div>`;
}

export function Tree({ view }) {
  const { query } = address.value;
  const search = query.get("q") ?? "";
  const only = query.get("only") ?? "";
  const picked = query.get("of") ?? "";
  const locks = view.value?.deadlocks ?? [];
  return html`<${Head} title="Supervision tree">Who watches over whom, live. Pick a line to see it closely.</${Head}>
    <div class="bar" role="search">
      <input type="search" aria-label="Search by name, state or role" placeholder="Search by name, state, role" value=${search} onInput=${(event) => go(changed({ q: event.target.value }), true)} />
      <select aria-label="Only those in a state" value=${only} onChange=${(event) => go(changed({ only: event.target.value }), true)}>
        <option value="">Every state</option><option value="troubled">Needs a look</option>${STATES.map((state) => html`<option value=${state}>${state}</option>`)}
      </select>
      ${view.value ? html`<span class="muted small">${count(view.value.agents.length, "agent")}</span>` : null}
    </div>
    ${locks.map((lock) => html`<div class="note bad" role="alert"><i aria-hidden="true">⟲</i><div><strong>Agents wait for each other in a circle</strong><p>${lock.agents.join(" waits for ")} waits for ${lock.agents[0]}.${lock.breaks_in_ms === null ? "" : ` The first deadline breaks it in ${span(lock.breaks_in_ms)}.`}</p></div></div>`)}
    <div class=${`split ${picked ? "side" : ""}`}>
      <div class="stack"><${Lines} view=${view.value} search=${search} only=${only} picked=${picked} /></div>
      ${picked ? html`<${Sheet} key=${picked} view=${view.value} path=${picked} />` : null}
    </div>
    <div class="split half"><${Ended} view=${view.value} /><${Swarm} /></div>`;
}
