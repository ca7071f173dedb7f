// Agents and what they may: charters, skills, budgets; tools and the servers they come from; a new agent from a charter.
import { html } from "./lib.js";
import { address, changed, go, to } from "./address.js";
import { mayChange, offers, useAnswer } from "./node.js";
import { part } from "./contract.js";
import { Answered, Empty, Head, NotOffered, Problem, State, Tabs } from "./pieces.js";
import { Asker } from "./asker.js";
import { Grants } from "./grants.js";
import { Spawn } from "./spawn.js";
import { Servers } from "./servers.js";
import { Tools } from "./tools.js";
import { Budgets, Charge } from "./budgets.js";
import { brief, count, moment, say, span } from "./words.js";

function Charter({ agent, follows, tools }) {
  const { budget } = follows;
  return html`<h3>Charter “${follows.name}”</h3>
    <dl class="facts small"><dt>Grants</dt><dd><${Grants} agent=${agent} charter=${follows.tools ?? []} now=${tools} /></dd>
      ${follows.delegates?.length ? html`<dt>Hands work to</dt><dd>${follows.delegates.join(", ")}</dd>` : null}${follows.criteria ? html`<dt>Judged by</dt><dd>${follows.criteria}</dd>` : null}
      <dt>Privacy</dt><dd>${follows.privacy === "local" ? "only a model on this machine reads its words" : "any model"}</dd>
      ${budget ? html`<dt>Each question</dt><dd>${count(budget.tokens, "token")}, ${span(budget.time_ms)}, ${count(budget.turns, "turn")}</dd>` : null}</dl>
    <details><summary>Instructions</summary><pre>${follows.instructions}</pre></details>`;
}

function One({ agent }) {
  const shown = useAnswer(`/v1/agents/${part(agent)}`, 4000);
  const budgets = useAnswer(offers("/v1/budgets") ? "/v1/budgets" : null, 6000);
  if (!shown.value) return html`<section class="card">${shown.error ? html`<${Problem} error=${shown.error} />` : html`<p class="muted" role="status">Asking the node …</p>`}</section>`;
  const one = shown.value;
  const bill = budgets.value?.find((line) => line.of === "agent" && line.name === one.agent);
  return html`<section class="card stack"><a class="back" href=${changed({ of: "" })}>‹ All agents</a><div class="row"><h2 class="grow mono">${brief(one.agent)}</h2><${State} of=${one.state} /></div>
    ${one.description ? html`<p>${one.description}</p>` : null}
    <div class="row">${one.skills.map((skill) => html`<span class="tag">${skill}</span>`)}</div>
    ${one.follows ? html`<${Charter} agent=${one.agent} follows=${one.follows} tools=${one.tools} />` : html`<p class="muted small">It is of a registered role and follows no charter.</p>`}
    ${bill ? html`<h3>What it spent</h3><${Charge} line=${bill} />` : null}
    ${one.questions?.length ? html`<h3>Asked last</h3><table class="wide"><thead><tr><th>Began</th><th>State</th><th class="right">Turns</th><th class="right">Tokens</th><th>Why none</th></tr></thead><tbody>${one.questions.map((asked) => html`<tr><td class="num">${moment(asked.began)}</td><td><${State} of=${asked.status} /></td><td class="right num" data-label="Turns">${asked.turns}</td><td class="right num" data-label="Tokens">${asked.spent?.tokens ?? 0}</td><td class="small">${asked.why ? say(typeof asked.why === "string" ? asked.why : JSON.stringify(asked.why)) : ""}</td></tr>`)}</tbody></table>` : null}
    ${mayChange.value ? html`<${Asker} key=${one.agent} agent=${one.agent} />` : null}
    <p class="small"><a href=${to(["tree"], { q: one.agent })}>In the tree</a> · <a href=${to(["conversations"], { agent: one.agent })}>Its conversations</a></p>
  </section>`;
}

function List({ all, picked, search }) {
  const some = all.filter((one) => !search || `${one.agent} ${one.charter ?? ""} ${one.description} ${one.skills.join(" ")}`.toLowerCase().includes(search.toLowerCase()));
  return html`<section class="card flush" aria-label="Agents"><div class="pad bar"><input type="search" aria-label="Search agents" placeholder="Search by name or skill" value=${search} onInput=${(event) => go(changed({ q: event.target.value }), true)} /></div>
    ${some.length ? html`<ul class="picks">${some.slice(0, 300).map((one) => html`<li key=${one.agent}><a href=${changed({ of: one.agent })} aria-current=${one.agent === picked ? "true" : undefined}><span class="text mono">${brief(one.agent)}</span><span class="row"><${State} of=${one.state} />${one.charter ? html`<span class="tag">charter ${one.charter}</span>` : null}${one.waiting ? html`<span class="small muted">${count(one.waiting, "request")} waiting</span>` : null}</span>${one.description ? html`<span class="small muted">${one.description}</span>` : null}</a></li>`)}</ul>` : html`<${Empty} title="No agent fits" />`}</section>`;
}

export function Agents() {
  const { query } = address.value;
  const tab = query.get("tab") ?? "agents";
  const picked = query.get("of") ?? "";
  const agents = useAnswer("/v1/agents", 4000);
  const link = (name) => to(["agents"], { tab: name === "agents" ? "" : name });
  return html`<${Head} title="Agents and tools" actions=${mayChange.value ? html`<a class="button" href=${link("spawn")}>+ Spawn an agent</a>` : null}>Who there is, what each may, and what it has spent. Grants and budgets are enforced by the runtime, not by a prompt.</${Head}>
    <${Tabs} label="Agents and tools" now=${tab} tabs=${[["agents", "Agents"], ["tools", "Tools"], ["servers", "Tool servers"], ["budgets", "Budgets"]].map(([id, title]) => [id, title, link(id)])} />
    ${tab === "agents" ? html`<div class=${`split list ${picked ? "picked" : ""}`}><${Answered} of=${agents} what="Agents">${(all) => html`<${List} all=${all} picked=${picked} search=${query.get("q") ?? ""} />`}</${Answered}>${picked ? html`<${One} key=${picked} agent=${picked} />` : html`<section class="card"><${Empty} title="Pick an agent"><p>Its charter, its skills, its budget and its last questions are shown here.</p></${Empty}></section>`}</div>` : null}
    ${tab === "spawn" ? html`<${Spawn} />` : null}
    ${tab === "tools" ? html`<${Tools} search=${query.get("q") ?? ""} />` : null}
    ${tab === "servers" ? html`<${Servers} />` : null}
    ${tab === "budgets" ? offers("/v1/budgets") === false ? html`<section class="card"><${NotOffered} what="Budgets" /></section>` : html`<${Budgets} />` : null}`;
}
