// The tools that an agent has now: given to it and taken from it by the owner, each asked about first.
import { html, useState } from "./lib.js";
import { mayDecide, offers, useAnswer } from "./node.js";
import { part } from "./contract.js";
import { act, confirm } from "./pieces.js";
import { brief } from "./words.js";

const path = (agent, verb) => `/v1/agents/${part(agent)}/${verb}`;
const offered = () => offers("/v1/agents/{agent}/grant", "post");

async function take(agent, tool) {
  const meant = await confirm({ title: `Take ${tool} from ${brief(agent)}?`, text: "It is not called any more, from its next call on, whatever the agent is at work on. It stands in the audit.", does: "Take it", bad: true, command: `aios agent revoke ${agent} ${tool}` });
  if (meant) await act(path(agent, "revoke"), { tool }, `${brief(agent)} has ${tool} no more`);
}

async function give(agent, tool) {
  const meant = await confirm({ title: `Give ${tool} to ${brief(agent)}?`, text: "It may call it from now on, also when the node was started anew. What the node itself grants stays the limit. It stands in the audit.", does: "Give it", command: `aios agent grant ${agent} ${tool}` });
  if (meant) await act(path(agent, "grant"), { tool }, `${brief(agent)} has ${tool}`);
}

function More({ agent, has }) {
  const tools = useAnswer("/v1/tools", 15_000);
  const [chosen, choose] = useState("");
  const others = (tools.value ?? []).map((tool) => tool.name).filter((name) => !has.includes(name) && !name.startsWith("agent__"));
  if (!others.length) return null;
  const tool = others.includes(chosen) ? chosen : others[0];
  return html`<form class="row" onSubmit=${(event) => { event.preventDefault(); give(agent, tool); }}><label class="grow">Another tool<select value=${tool} onChange=${(event) => choose(event.target.value)}>${others.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label><button>Give …</button></form>`;
}

/** What an agent of a charter may call, and what can be done about that. */
export function Grants({ agent, charter, now }) {
  const has = offered() ? now ?? [] : charter;
  const taken = charter.filter((tool) => !has.includes(tool));
  const may = mayDecide.value && offered();
  return html`<div class="stack">
    ${has.length || taken.length ? html`<ul class="row">${has.map((tool) => html`<li class="row" key=${tool}><span class="tag">${tool}${charter.includes(tool) ? "" : ", given by a person"}</span>${may ? html`<button class="plain" onClick=${() => take(agent, tool)}>✕ Take<span class="hidden"> ${tool} from it</span></button>` : null}</li>`)}
      ${taken.map((tool) => html`<li class="row" key=${tool}><span class="tag"><s>${tool}</s>, taken by a person</span>${may ? html`<button class="plain" onClick=${() => give(agent, tool)}>↶ Give back<span class="hidden"> ${tool}</span></button>` : null}</li>`)}</ul>` : html`<span class="muted">no tools</span>`}
    ${may ? html`<${More} agent=${agent} has=${[...has, ...taken]} />` : null}</div>`;
}
