// What stands around every view: where one can go, and how the node is at a glance.
import { html, signal, useEffect, useRef } from "./lib.js";
import { link, mayChange, useAnswer, streams, who } from "./node.js";
import { amount } from "./words.js";
import { icon } from "./icons.js";
import { rates, keep } from "./rates.js";
import { theme, turn } from "./theme.js";
import { Tree } from "./tree.js";
import { Conversations } from "./conversations.js";
import { Goals } from "./goals.js";
import { Agents } from "./agents.js";
import { Models } from "./engines.js";
import { Audit } from "./audit.js";
import { Acts, demo, seeDemo } from "./acts.js";
import { Empty } from "./pieces.js";

const VIEWS = {
  tree: { title: "Tree", icon: "tree", view: Tree },
  goals: { title: "Goals", icon: "goals", view: Goals },
  conversations: { title: "Conversations", short: "Talks", icon: "talks", view: Conversations },
  agents: { title: "Agents and tools", short: "Agents", icon: "agents", view: Agents },
  engines: { title: "Models and buses", short: "Models", icon: "engines", view: Models },
  audit: { title: "Audit", icon: "audit", view: Audit },
};

/** How often the node is looked at; it says itself when something moved, if it can. */
export const every = () => (streams.value ? 8000 : 1500);

const slim = matchMedia("(max-width: 860px)");
const narrow = signal(slim.matches);
slim.addEventListener("change", () => { narrow.value = slim.matches; });

/** How the page stands to the node, and how it looks. */
function Foot({ model }) {
  return html`<div class="foot">
    <span>${link.value === "lost" ? "✕ not connected" : streams.value ? "● live" : "● connected"}${mayChange.value ? "" : " · read only"}</span>
    ${who.value?.principal && html`<span class="small">${who.value.principal}</span>`}
    ${model && html`<span>${model.name || model.engine} on ${model.device}</span>`}
    <button class="plain" onClick=${turn}>${theme.value === "dark" ? "☀ Light" : theme.value === "light" ? "◑ As the system" : "☾ Dark"}</button>
  </div>`;
}

function Pulse({ view, approvals, goals }) {
  const running = view ? view.agents.filter((agent) => agent.state === "running").length : null;
  const open = approvals?.filter((one) => one.status === "open").length ?? 0;
  const resting = view?.breakers.filter((one) => one.state !== "closed").length ?? 0;
  const under = goals?.filter((one) => one.phase === "running").length ?? 0;
  const down = view ? view.agents.length - running : 0;
  const { sent } = rates.value;
  return html`<section class="pulse" aria-label="The node at a glance">
    <a href="#/tree"><span class="of">Agents running</span><b class=${down ? "warn" : ""}>${amount(running)}${down ? html` <span class="small">of ${amount(view.agents.length)}</span>` : ""}</b></a>
    <a href="#/goals?phase=running"><span class="of">Goals under way</span><b>${amount(under)}</b></a>
    <a href="#/goals?tab=approvals"><span class="of">Waiting for a person</span><b class=${open ? "warn" : ""}>${open ? "! " : ""}${amount(open)}</b></a>
    <a href="#/conversations"><span class="of">Messages a second</span><b>${sent === null ? "–" : amount(sent)}</b></a>
    <a href="#/audit"><span class="of">Refused</span><b class=${view?.messages.refused ? "warn" : ""}>${amount(view?.messages.refused)}</b></a>
    <a href="#/tree?only=troubled"><span class="of">Restarts</span><b>${amount(view?.restarts)}</b></a>
    <a href="#/engines?tab=letters"><span class="of">Dead letters</span><b class=${view?.dead_letters ? "warn" : ""}>${amount(view?.dead_letters)}</b></a>
    <a href="#/engines?tab=breakers"><span class="of">Breakers open</span><b class=${resting ? "bad" : ""}>${amount(resting)}</b></a>
  </section>`;
}

export function Shell({ at }) {
  const id = at.parts[0] || "tree";
  const view = useAnswer("/v1/view", every());
  const approvals = useAnswer("/v1/approvals", every() * 1.3);
  const goals = useAnswer("/v1/goals", every() * 1.3);
  useEffect(() => { if (view.value) keep(view.value); }, [view.value]);
  const open = approvals.value?.filter((one) => one.status === "open").length ?? 0;
  useEffect(() => { seeDemo(); }, []);
  const views = demo.value || id === "demo" ? { demo: { title: "Demo", icon: "acts", view: Acts }, ...VIEWS } : VIEWS;
  const now = views[id];
  const main = useRef(null);
  const first = useRef(true);
  useEffect(() => {
    document.title = now ? `${now.title} · AI OS` : "AI OS";
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [id]);
  return html`<div class="shell">
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); main.current?.focus(); }}>To the content</a>
    <header class="rail">
      <a class="brand" href="#/tree">${icon("brand")}<span>AI OS</span></a>
      <nav aria-label="Views">${Object.entries(views).map(([name, one]) => html`<a key=${name} href=${`#/${name}`} aria-current=${name === id ? "page" : undefined}>${icon(one.icon)}<span>${one.short && narrow.value ? one.short : one.title}</span>${name === "goals" && open ? html`<span class="count">${open}<span class="hidden"> waiting for a person</span></span>` : null}</a>`)}</nav>
      ${narrow.value ? null : html`<${Foot} model=${view.value?.model} />`}
    </header>
    <div class="page">
      ${link.value === "lost" && html`<div class="lost" role="alert"><span aria-hidden="true">↻</span> The node does not answer. What you see is how it was; the page goes on by itself when it is back.</div>`}
      <${Pulse} view=${view.value} approvals=${approvals.value} goals=${goals.value} />
      <main id="main" tabindex="-1" ref=${main}>
        ${now ? html`<${now.view} at=${at} view=${view} goals=${goals} approvals=${approvals} />` : html`<${Empty} title="There is no such view"><p>The address names a view that this page does not have.</p><a class="button" href="#/tree">To the tree</a></${Empty}>`}
      </main>
      ${narrow.value ? html`<footer><${Foot} model=${view.value?.model} /></footer>` : null}
    </div>
  </div>`;
}
