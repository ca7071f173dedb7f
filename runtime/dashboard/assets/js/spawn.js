// A new agent, of a charter that is typed here or of a registered role.
import { html, useRef, useState } from "./lib.js";
import { go, to } from "./address.js";
import { command } from "./contract.js";
import { mayChange, revive } from "./node.js";
import { Empty, Problem, tell } from "./pieces.js";

const EXAMPLE = `---
name: clerk
description: Adds up what it is told about, to the last cent.
tools: [calc]
budget: {tokens: 6000, time: 60s, turns: 6}
---

You add up amounts. Use \`calc\` for every sum, and never work one out yourself.
Answer in one sentence that names the total.
`;

export function Spawn() {
  const [kind, choose] = useState("charter");
  const [state, set] = useState({});
  const form = useRef(null);
  if (!mayChange.value) return html`<section class="card"><${Empty} title="You may look, not change"><p>This link is read only, so no agent can be spawned with it.</p></${Empty}></section>`;
  const spawn = async (event) => {
    event.preventDefault();
    const data = new FormData(form.current);
    const body = kind === "charter" ? { charter: data.get("charter") } : { role: data.get("role") };
    if (data.get("restart")) body.restart = data.get("restart");
    if (data.get("under")) body.under = data.get("under");
    set({ busy: true });
    try {
      const { agent } = await command("/v1/agents", body);
      tell(`${agent} runs`);
      revive();
      go(to(["agents"], { of: agent }));
    } catch (error) { set({ error }); }
  };
  return html`<form class="card stack" ref=${form} onSubmit=${spawn}><h2>Spawn an agent</h2>
    <div class="row" role="radiogroup" aria-label="Of what">${[["charter", "Of a charter"], ["role", "Of a registered role"]].map(([name, title]) => html`<label class="tick"><input type="radio" name="kind" checked=${kind === name} onChange=${() => choose(name)} />${title}</label>`)}</div>
    ${kind === "charter" ? html`<label>Charter <span class="hint">Who it is: front matter, then its instructions. An unknown key is refused and the nearest known one is named.</span><textarea name="charter" class="mono" rows="14" required spellcheck="false">${EXAMPLE}</textarea></label>`
    : html`<label>Role <span class="hint">Such as macro.executor; it is the next free instance of it.</span><input name="role" required pattern="[a-z]+\\.[a-z_\\-]+" placeholder="macro.executor" /></label>`}
    <div class="row"><label>It comes back<select name="restart"><option value="">as it says itself</option><option value="permanent">always</option><option value="transient">after a fault</option><option value="temporary">never</option></select></label>
      <label class="grow">Under the supervisor<input name="under" placeholder="the one of agents that are spawned" autocomplete="off" /></label></div>
    ${state.error && html`<${Problem} error=${state.error} />`}
    <div class="row"><button class="main" disabled=${state.busy}>${state.busy ? "It is being started …" : "Spawn it"}</button></div></form>`;
}
