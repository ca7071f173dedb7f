// Files a goal has made. A picture is shown only when the node itself serves it.
import { html } from "./lib.js";
import { part } from "./contract.js";
import { who } from "./node.js";

const nameOf = (artefact) => String(artefact.path).split("/").at(-1);

/** Where the node serves a file of a goal. One that does not say who asks serves none. */
export function served(goal, artefact) {
  return who.value ? `/v1/goals/${part(goal)}/artifacts/${part(nameOf(artefact))}` : null;
}

export function Artefacts({ goal, artefacts }) {
  if (!artefacts?.length) return null;
  return html`<section class="card stack"><h2>Files</h2><ul class="cards">${artefacts.map((one) => {
    const link = served(goal, one);
    const picture = link && one.media_type.startsWith("image/");
    return html`<li class="stack">${picture ? html`<img class="chart" src=${link} alt=${one.description} loading="lazy" />` : null}<div><strong>${link ? html`<a href=${link} download=${nameOf(one)}>${nameOf(one)}</a>` : nameOf(one)}</strong> <span class="muted small">${one.media_type}</span><p class="small">${one.description}</p>${link ? null : html`<p class="small muted">On the node's machine: <code>${one.path}</code></p>`}</div></li>`;
  })}</ul></section>`;
}
