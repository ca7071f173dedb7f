// The demo: six acts in which something goes wrong, each a button. What is said of an act is what the node saw, step by step.
import { html, signal, useEffect, useState } from "./lib.js";
import { to } from "./address.js";
import { command, look } from "./contract.js";
import { link, mayChange } from "./node.js";
import { decide } from "./approvals.js";
import { Empty, Head, Problem, State } from "./pieces.js";

const DEADLINE_MS = 180_000;
/** Where what was played lies while the page is loaded anew: the second act kills the node, and its browsers come in again by a link. */
const KEPT = "aios-acts";

const kept = () => { try { return JSON.parse(sessionStorage.getItem(KEPT)) ?? {}; } catch { return {}; } };
const played = signal(kept());
const keep = (act, what) => {
  played.value = { ...played.value, [act]: { ...played.value[act], ...what } };
  try { sessionStorage.setItem(KEPT, JSON.stringify(played.value)); } catch { /* It lasts as long as the page, then. */ }
};

const call = async (tool, args = {}) => (await command(`/v1/tools/${tool}/call`, { args, deadline_ms: DEADLINE_MS })).value;
const later = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits for the node that was killed, and comes in again; false if the page is loaded anew for it, which then plays on. */
async function comeBack(way) {
  for (let tries = 0; tries < 600; tries += 1) {
    await later(150);
    try {
      const response = await fetch("/v1/approvals", { credentials: "same-origin", cache: "no-store" });
      if (response.status === 401) { location.replace(`${way}#/demo`); return false; }
      if (response.ok) { link.value = "there"; return true; }
    } catch { /* It is not there yet. */ }
  }
  throw new Error("the node did not come back");
}

async function finish(act) {
  const { goal, steps } = played.value[act];
  const more = await call("demo_play", { act, part: 2, goal });
  keep(act, { steps: [...steps, ...more.steps], holds: more.holds, busy: false, due: false, error: null });
}

async function play(act) {
  keep(act, { busy: true, error: null, steps: [], holds: undefined, goal: null, approval: null, due: false });
  try {
    const way = act === 2 ? (await call("demo_way_back")).link : null;
    const seen = await call("demo_play", { act, part: 1 });
    keep(act, { steps: seen.steps, goal: seen.goal, approval: seen.approval, holds: seen.holds });
    if (act === 2) {
      keep(act, { holds: undefined, due: true });
      await call("demo_crash").catch(() => null);
      if (await comeBack(way)) await finish(act);
    } else if (act === 5) {
      keep(act, { holds: undefined, busy: false, due: true });
    } else keep(act, { busy: false });
  } catch (error) {
    keep(act, { busy: false, error: { message: error.message, whatToDo: error.whatToDo } });
  }
}

async function decided(act, decision) {
  await decide(played.value[act].approval, decision);
  keep(act, { busy: true });
  try { await finish(act); } catch (error) { keep(act, { busy: false, error: { message: error.message } }); }
}

function Card({ one }) {
  const state = played.value[one.act] ?? {};
  return html`<article class="card" aria-labelledby=${`act-${one.act}`}>
    <h2 id=${`act-${one.act}`}><span class="n" aria-hidden="true">${one.act}</span>${one.title}</h2>
    <p>${one.says}</p>
    ${state.steps?.length ? html`<ol class="said time" aria-live="polite">${state.steps.map((step, at) => html`<li key=${at}>${step}</li>`)}</ol>` : null}
    ${state.holds === true ? html`<div><${State} of="completed" word="it holds" /></div>` : state.holds === false ? html`<div><${State} of="failed" word="it does not hold" /></div>` : null}
    ${state.error ? html`<${Problem} error=${state.error} />` : null}
    <details><summary class="small">The same in a terminal</summary><pre tabindex="0">${one.commands.join("\n")}</pre></details>
    <div class="row">
      ${mayChange.value ? html`<button class="main" disabled=${state.busy} onClick=${() => play(one.act)}>${state.busy ? "It is played …" : state.steps?.length ? "Again" : "Play it"}<span class="hidden"> ${one.title}</span></button>` : null}
      ${state.due && one.act === 5 && !state.busy && mayChange.value ? html`<button onClick=${() => decided(5, "accept")}>Allow it</button><button class="bad" onClick=${() => decided(5, "reject")}>Forbid it</button>` : null}
      ${state.goal ? html`<a class="button" href=${to(["goals", state.goal])}>Its goal</a>` : null}
      ${one.act === 1 ? html`<a href="#/conversations">Its conversations</a>` : one.act === 3 ? html`<a href="#/audit">The audit</a>` : one.act === 4 ? html`<a href=${to(["agents"], { q: "auditor" })}>The auditor</a>` : one.act === 6 ? html`<a href="#/tree">The swarm</a>` : null}
    </div></article>`;
}

export function Acts() {
  const [acts, set] = useState(null);
  const [error, fail] = useState(null);
  useEffect(() => {
    call("demo_acts").then((said) => set(said.acts)).catch(fail);
    // Cut short by the fall of the node: the rest is played now that it is back.
    const second = played.value[2];
    if (second?.due && second.goal) finish(2).catch((problem) => keep(2, { busy: false, error: { message: problem.message } }));
  }, []);
  return html`<${Head} title="Demo">Six things go wrong on this node, one after the other, and it is seen what becomes of them. Nothing here is played back: each act happens when you press its button.</${Head}>
    ${!mayChange.value ? html`<section class="card"><${Empty} title="You may look, not change"><p>This link is read only; the acts change things. What becomes of them is seen in the other views.</p></${Empty}></section>` : error ? html`<${Problem} error=${error} />` : acts ? html`<div class="acts">${acts.map((one) => html`<${Card} key=${one.act} one=${one} />`)}</div>` : html`<p class="muted" role="status">Asking the node …</p>`}
    ${acts && !acts.length ? html`<${Empty} title="No acts" />` : null}`;
}

/** Whether this node is one of a demo. */
export const demo = signal(false);
export async function seeDemo() {
  try { demo.value = (await look("/v1/tools")).some((tool) => tool.name === "demo_play"); } catch { demo.value = false; }
}
