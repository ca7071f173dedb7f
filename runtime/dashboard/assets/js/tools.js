// The tools there are: what each does, needs and changes.
import { html } from "./lib.js";
import { changed, go } from "./address.js";
import { useAnswer } from "./node.js";
import { Answered, Empty } from "./pieces.js";

const EFFECTS = { pure: "changes nothing", repeatable: "same key, same effect", query: "can be asked whether it happened", ask: "a person decides" };

export function Tools({ search }) {
  const tools = useAnswer("/v1/tools", 15_000);
  return html`<${Answered} of=${tools} what="Tools">${(all) => {
    const some = all.filter((tool) => !search || `${tool.name} ${tool.description}`.toLowerCase().includes(search.toLowerCase()));
    return html`<div class="bar"><input type="search" aria-label="Search tools" placeholder="Search tools" value=${search} onInput=${(event) => go(changed({ q: event.target.value }), true)} /><span class="small muted">${some.length} of ${all.length}</span></div>
      ${some.length ? html`<section class="card"><table class="wide"><thead><tr><th>Tool</th><th>What it does</th><th>Effect</th><th>Needs</th></tr></thead><tbody>${some.map((tool) => html`<tr key=${tool.name}><td class="mono">${tool.name}</td><td>${tool.description}${tool.unusable ? html`<p class="small">✕ ${tool.unusable}</p>` : null}<details><summary class="small">What it takes</summary><pre tabindex="0">${JSON.stringify(tool.input, null, 1)}</pre></details></td><td data-label="Effect"><span class=${`chip ${tool.effect === "ask" ? "warn" : "calm"}`}><i aria-hidden="true">${tool.effect === "ask" ? "!" : "·"}</i>${tool.effect}</span><p class="small muted">${EFFECTS[tool.effect]}</p></td><td data-label="Needs">${tool.needs?.length ? tool.needs.map((need) => html`<span class="tag">${need}</span> `) : html`<span class="muted">nothing</span>`}${tool.missing?.length ? html`<p class="small">✕ not granted: ${tool.missing.join(", ")}</p>` : null}</td></tr>`)}</tbody></table></section>` : html`<section class="card"><${Empty} title="No tool fits" /></section>`}`;
  }}</${Answered}>`;
}
