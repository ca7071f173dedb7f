// The model of the node's own engine: freed, loaded, or another in its place. What a server holds is the server's to decide.
import { html, useRef, useState } from "./lib.js";
import { mayDecide, offers } from "./node.js";
import { part } from "./contract.js";
import { act, confirm } from "./pieces.js";

/** The engine that is the node's own. */
const OWN = "local";

const path = (verb) => `/v1/engines/${OWN}/${verb}`;
const offered = (verb) => offers(`/v1/engines/{engine}/${verb}`, "post");

async function free(model) {
  const meant = await confirm({ title: `Free ${model}?`, text: "Until another is loaded nothing thinks on this engine: goals that need a model wait or fail. It stands in the audit.", does: "Free it", bad: true, command: `aios model unload ${model}` });
  if (meant) await act(path("unload"), { model }, `${model} is freed`);
}

/** Which model comes, typed; `current` is the one that goes, none for an engine that has none. */
function Comes({ current, done }) {
  const [busy, set] = useState(false);
  const form = useRef(null);
  const load = async (event) => {
    event.preventDefault();
    const data = new FormData(form.current);
    const [model, name] = ["model", "name"].map((field) => data.get(field).trim());
    const meant = await confirm(current
      ? { title: `${model} in the place of ${current}?`, text: "What is under way is finished by the one that goes; what waits is taken up by the one that comes. One that cannot be loaded leaves everything as it is. It stands in the audit.", does: "Swap them", command: `aios model swap ${current} ${model}` }
      : { title: `Load ${model}?`, text: "From then on this engine thinks with it. It stands in the audit.", does: "Load it", command: `aios model load ${model}` });
    if (!meant) return;
    set(true);
    const body = { model, ...(name && { name }), ...(current && { current }) };
    const answer = await act(path(current ? "swap" : "load"), body, current ? `${name || model} is in the place of ${current}` : `${name || model} is loaded`);
    set(false);
    if (answer) done();
  };
  return html`<form class="stack" ref=${form} onSubmit=${load}>
    <div class="row"><label class="grow">${current ? `In the place of ${current}` : "Model"} <span class="hint">A name of the catalogue, or a file or folder below the folder of models.</span><input name="model" required maxlength="4096" autocomplete="off" /></label>
      <label>Called <span class="hint">Empty: as its file is.</span><input name="name" maxlength="64" pattern="[A-Za-z0-9._\\-]+" autocomplete="off" /></label></div>
    <div class="row"><button class="main" disabled=${busy}>${busy ? "It is being loaded …" : current ? "Swap" : "Load"}</button></div></form>`;
}

/** What can be done with what this engine holds; `writer` is the model that goals think with, as far as it is known. */
export function Held({ engine, writer }) {
  const [swaps, swap] = useState("");
  if (engine.name !== OWN || !mayDecide.value || !offered("swap")) return null;
  const known = engine.models.filter((model) => model === writer);
  const models = known.length ? known : engine.models;
  const close = () => swap("");
  return html`<section class="card stack"><h2>Change the model of ${OWN}</h2>
    ${models.map((model) => html`<div class="row" key=${part(model)}><strong class="grow">${model}</strong>
      <button aria-expanded=${swaps === model} onClick=${() => swap(swaps === model ? "" : model)}>${swaps === model ? "Leave it" : "Swap …"}</button><button class="bad" onClick=${() => free(model)}>Free</button></div>
      ${swaps === model ? html`<${Comes} key=${`${part(model)} comes`} current=${model} done=${close} />` : null}`)}
    ${writer ? null : html`<${Comes} current="" done=${close} />`}</section>`;
}
