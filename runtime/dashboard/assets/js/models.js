// The model of the node's own engine: freed, loaded, or another in its place. What a server holds is the server's to decide.
import { html, useRef, useState } from "./lib.js";
import { mayDecide, offers } from "./node.js";
import { part } from "./contract.js";
import { act, confirm } from "./pieces.js";

const path = (engine, verb) => `/v1/engines/${part(engine)}/${verb}`;
const offered = (verb) => offers(`/v1/engines/{engine}/${verb}`, "post");

async function free(engine, model) {
  const meant = await confirm({ title: `Free ${model}?`, text: "Until another is loaded nothing thinks on this engine: goals that need a model wait or fail. It stands in the audit.", does: "Free it", bad: true, command: `aios model unload ${model}` });
  if (meant) await act(path(engine, "unload"), { model }, `${model} is freed`);
}

/** Which model comes, typed; `current` is the one that goes, none for an engine that has none. */
function Comes({ engine, current, done }) {
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
    const answer = await act(path(engine, current ? "swap" : "load"), body, current ? `${name || model} is in the place of ${current}` : `${name || model} is loaded`);
    set(false);
    if (answer) done();
  };
  return html`<form class="stack" ref=${form} onSubmit=${load}>
    <div class="row"><label class="grow">${current ? `In the place of ${current}` : "Model"} <span class="hint">A name of the catalogue, or the absolute path of a file or folder below the node's folder of models.</span><input name="model" required maxlength="4096" autocomplete="off" /></label>
      <label>Called <span class="hint">Empty: as its file is.</span><input name="name" maxlength="64" pattern="[A-Za-z0-9._\\-]+" autocomplete="off" /></label></div>
    <div class="row"><button class="main" disabled=${busy}>${busy ? "It is being loaded …" : current ? "Swap" : "Load"}</button></div></form>`;
}

/** What can be done with the model that writes, of an engine that loads any by command. */
export function Held({ engine }) {
  const [open, set] = useState(false);
  if (!engine.loads || !mayDecide.value || !offered("swap")) return null;
  const close = () => set(false);
  const { writes } = engine;
  return html`<section class="card stack"><h2>Change the model of ${engine.name}</h2>
    ${writes ? html`<div class="row"><strong class="grow">${writes}</strong>
      <button aria-expanded=${open} onClick=${() => set(!open)}>${open ? "Leave it" : "Swap …"}</button><button class="bad" onClick=${() => free(engine.name, writes)}>Free</button></div>` : html`<p>It holds no model that writes: what asks it to write is refused until one is loaded.</p>`}
    ${open || !writes ? html`<${Comes} key=${writes ?? ""} engine=${engine.name} current=${writes ?? ""} done=${close} />` : null}</section>`;
}
