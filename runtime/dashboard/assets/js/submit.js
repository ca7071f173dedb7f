// A new goal: what is wanted, the files it is about, and its plan before anything is done.
import { html, useRef, useState } from "./lib.js";
import { go, to } from "./address.js";
import { command } from "./contract.js";
import { mayChange, revive, takes } from "./node.js";
import { Empty, Problem, tell } from "./pieces.js";
import { Drawing } from "./plan.js";
import { amount } from "./words.js";

/** What the node takes along with a goal: so many files, and so many bytes of all of them. */
const FILES_MAX = 16;
const BYTES_MAX = 2 * 1024 * 1024;

/** A file as it travels: as text where it is text, as base64 where it is not. */
async function given(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    return { name: file.name, content: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch { /* Bytes that are no text. */ }
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return { name: file.name, content: btoa(text), encoding: "base64" };
}

export function Submit() {
  const form = useRef(null);
  const [files, hold] = useState([]);
  const [over, setOver] = useState(false);
  const [state, set] = useState({});
  if (!mayChange.value) return html`<section class="card"><${Empty} title="You may look, not change"><p>This link is read only, so no goal can be begun with it.</p></${Empty}></section>`;
  const byContent = takes("/v1/goals", "files");
  const wanted = async () => {
    const data = new FormData(form.current);
    const paths = String(data.get("data") ?? "").split("\n").map((one) => one.trim()).filter(Boolean);
    const body = { text: data.get("text"), data: paths };
    if (data.get("private")) body.private = true;
    if (files.length) body.files = await Promise.all(files.map(given));
    return body;
  };
  const preview = async () => {
    if (!form.current.reportValidity()) return;
    set({ busy: "plan" });
    try { set({ plan: await command("/v1/plans", await wanted()) }); } catch (error) { set({ error }); }
  };
  const begin = async (event) => {
    event.preventDefault();
    const { plan } = state;
    set({ busy: "begin", plan });
    try {
      const body = await wanted();
      if (plan) body.plan = plan;
      const { goal_id } = await command("/v1/goals", body);
      tell("The goal is accepted");
      revive("/v1/goals");
      go(to(["goals", goal_id]));
    } catch (error) { set({ error, plan }); }
  };
  const add = (list) => {
    const all = [...files, ...list];
    const bytes = all.reduce((sum, file) => sum + file.size, 0);
    const wrong = all.length > FILES_MAX ? `${all.length} files, ${FILES_MAX} are taken along` : bytes > BYTES_MAX ? `${amount(bytes)} bytes, ${amount(BYTES_MAX)} are taken along` : all.some((file, at) => all.findIndex((other) => other.name === file.name) !== at) ? "two files of one name" : "";
    if (wrong) { set({ error: { message: wrong, whatToDo: "name them by their paths on the node's machine instead" } }); return; }
    set({});
    hold(all);
  };
  return html`<form class="card stack" ref=${form} onSubmit=${begin}>
    <h2>New goal</h2>
    <label>What do you want?<textarea name="text" required maxlength="8000" placeholder="Analyze Q3 sales" onInput=${() => state.plan && set({})}></textarea></label>
    ${byContent ? html`<div class=${`drop ${over ? "over" : ""}`} onDragOver=${(event) => { event.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${(event) => { event.preventDefault(); setOver(false); add(event.dataTransfer.files); }}>
      <label>Drop files here, or choose them<input type="file" multiple onChange=${(event) => add(event.target.files)} /></label>
      ${files.length ? html`<ul class="small">${files.map((file, index) => html`<li>${file.name}, ${amount(file.size)} bytes <button type="button" class="plain" onClick=${() => { set({}); hold(files.filter((_, at) => at !== index)); }}>Take out</button></li>`)}</ul>` : null}</div>` : null}
    <label>Files on the node's machine <span class="hint">One a line, from the root on. They are read with the node's rights.</span><textarea name="data" class="mono" rows="2" placeholder="/home/me/sales.csv"></textarea></label>
    <label class="tick"><input type="checkbox" name="private" /> Nothing of it may leave the node's machine</label>
    ${state.error && html`<${Problem} error=${state.error} />`}
    <div class="row"><button type="button" onClick=${preview} disabled=${Boolean(state.busy)}>${state.busy === "plan" ? "It is being planned …" : "Show the plan first"}</button><button class="main" disabled=${Boolean(state.busy)}>${state.plan ? "Begin with this plan" : "Begin"}</button></div>
    ${state.plan ? html`<div role="status"><h3>What would be done; nothing of it has been</h3><${Drawing} plan=${state.plan} /></div>` : null}
  </form>`;
}
