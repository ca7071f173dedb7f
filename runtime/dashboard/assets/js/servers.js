// The servers tools come from. Their lists are pinned: one that changes is not called until a person has read the change.
import { html } from "./lib.js";
import { mayDecide, useAnswer } from "./node.js";
import { part } from "./contract.js";
import { act, Answered, confirm, Empty, Problem, State } from "./pieces.js";

async function approve(server) {
  const { hash, changes } = server.awaiting;
  const meant = await confirm({ title: `Take the new list of ${server.name}?`, text: `What is different: ${changes.join("; ")}. Until it is taken none of its tools is called.`, does: "Take it", command: `aios tool approve ${server.name} ${hash.slice(0, 12)}` });
  if (meant) await act(`/v1/tool-servers/${part(server.name)}/approve`, { list: hash }, `The list of ${server.name} is taken`);
}

export function Servers() {
  const servers = useAnswer("/v1/tool-servers", 4000);
  return html`<${Answered} of=${servers} what="Tool servers">${(all) => (all.length ? html`<div class="cards">${all.map((server) => html`<article class="card stack" key=${server.name}><div class="row"><h2 class="grow mono">${server.name}</h2><${State} of=${server.state} /></div>
    ${server.trouble ? html`<${Problem} error=${{ message: server.trouble }} />` : null}
    ${server.awaiting ? html`<div class="note warn"><i aria-hidden="true">!</i><div><strong>Its list of tools has changed</strong><ul class="small">${server.awaiting.changes.map((change) => html`<li>${change}</li>`)}</ul><p class="small muted mono">${server.awaiting.hash}</p>${mayDecide.value ? html`<div class="row"><button class="main" onClick=${() => approve(server)}>I have read it: take the list</button></div>` : null}</div></div>` : null}
    <div class="row">${server.tools.map((tool) => html`<span class="tag">${tool}</span>`)}</div>
    ${server.refused.length ? html`<details><summary>${server.refused.length} offered, but not taken</summary><ul class="small">${server.refused.map((one) => html`<li><code>${one.name}</code>: ${one.reason}</li>`)}</ul></details>` : null}</article>`)}</div>` : html`<section class="card"><${Empty} title="No tool servers"><p>The tools of any MCP server join by three lines of configuration, each server a supervised child:</p><pre>[tools.time]
command = ["mcp-server-time"]
effect = "pure"</pre></${Empty}></section>`)}</${Answered}>`;
}
