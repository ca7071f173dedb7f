// The micro agents: kinds in numbers, and a look at the strongest of a kind. They are millions, so never one by one.
import { html, useState } from "./lib.js";
import { useAnswer } from "./node.js";
import { part } from "./contract.js";
import { amount, count, say } from "./words.js";

function Inside({ kind }) {
  const top = useAnswer(`/v1/swarm/kinds/${part(kind)}?most=5`, 8000);
  if (!top.value) return html`<p class="muted small" role="status">${top.error ? top.error.message : "Looking over all of them …"}</p>`;
  return html`<div class="stack small"><p class="muted">${count(top.value.seen, "agent")} looked at, ${amount(top.value.asleep)} asleep. The strongest:</p>
    <table class="wide narrow"><thead><tr><th>Agent</th><th class="right">Stands for</th><th class="right">Pheromone</th><th class="right">Restarts</th></tr></thead><tbody>${top.value.strongest.map((one) => html`<tr><td class="mono">${one.id}</td><td class="right num" data-label="Stands for">${one.resource}</td><td class="right num" data-label="Pheromone">${one.pheromone.toFixed(2)}</td><td class="right num" data-label="Restarts">${one.restarts}</td></tr>`)}</tbody></table></div>`;
}

export function Swarm() {
  const swarm = useAnswer("/v1/swarm", 5000);
  const [kind, look] = useState("");
  const kinds = swarm.value?.kinds ?? [];
  const rates = new Map((swarm.value?.rates ?? []).map((one) => [one.kind, one]));
  return html`<section class="card stack"><h2>Swarm${swarm.value ? html` <span class="muted small">zone ${swarm.value.zone}</span>` : null}</h2>
    ${swarm.value?.alerts?.map((alert) => html`<div class="note bad"><i aria-hidden="true">✕</i><div>${say(alert.kind)}: ${amount(alert.active)} of ${amount(alert.expected)} are alive</div></div>`)}
    ${kinds.length ? html`<table class="wide"><thead><tr><th>Kind</th><th class="right">Alive</th><th class="right">Asleep</th><th class="right">Events a second</th><th class="right">Memory</th><th><span class="hidden">More</span></th></tr></thead><tbody>
      ${kinds.map((one) => html`<tr key=${one.kind}><td>${say(one.kind)}</td><td class="right num" data-label="Alive">${amount(one.active)}</td><td class="right num" data-label="Asleep">${amount(one.asleep)}</td><td class="right num" data-label="Events a second">${amount(rates.get(one.kind)?.handled ?? 0)}</td><td class="right num" data-label="Memory">${amount(one.arena_bytes)}B</td><td class="right"><button class="plain" aria-expanded=${kind === one.kind} onClick=${() => look(kind === one.kind ? "" : one.kind)}>Look inside<span class="hidden"> ${one.kind}</span></button></td></tr>`)}
    </tbody></table>` : html`<p class="muted">${swarm.value ? "No micro agents: this node was started without them." : swarm.error ? swarm.error.message : "Asking the node …"}</p>`}
    ${kind ? html`<${Inside} key=${kind} kind=${kind} />` : null}
  </section>`;
}
