// Figures that lie far from what they were in the last five minutes, each with those values as its evidence.
import { html } from "./lib.js";
import { offers, useAnswer } from "./node.js";
import { amount, span } from "./words.js";

function Spark({ values }) {
  const low = Math.min(...values);
  const range = Math.max(...values) - low || 1;
  const points = values.map((value, at) => `${(at / Math.max(1, values.length - 1)) * 200},${40 - ((value - low) / range) * 36}`);
  return html`<svg class="spark" viewBox="0 0 200 44" preserveAspectRatio="none" aria-hidden="true"><path class="line" d=${`M${points.join("L")}`} /></svg>`;
}

export function Unusual() {
  const found = useAnswer(offers("/v1/unusual") ? "/v1/unusual" : null, 10_000);
  if (!found.value?.length) return null;
  return html`<section class="card stack"><h2>Unusual in the last five minutes</h2><ul class="cards">${found.value.map((one) => html`<li class="note warn"><i aria-hidden="true">!</i><div class="stack"><strong class="mono">${one.metric}</strong>${Object.entries(one.labels).map(([name, value]) => html`<span class="tag">${name} ${value}</span> `)}
    <p>${amount(one.value)}, while ${amount(one.median)} is usual: ${amount(one.distance)} times as far off as its values usually lie.</p><${Spark} values=${one.values} /><p class="small muted">${one.values.length} values, one each ${span(one.every_ms)}</p></div></li>`)}</ul></section>`;
}
