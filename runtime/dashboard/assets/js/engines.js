// What thinks and what carries: engines, rates, breakers, letters that were not delivered.
import { html } from "./lib.js";
import { address, to } from "./address.js";
import { useAnswer, mayChange, offers } from "./node.js";
import { part } from "./contract.js";
import { act, Answered, confirm, Empty, Head, NotOffered, Note, State, Tabs } from "./pieces.js";
import { Buses, Routes } from "./buses.js";
import { Chart } from "./chart.js";
import { history } from "./rates.js";
import { figure, mean, useMetrics } from "./metrics.js";
import { Held } from "./models.js";
import { Unusual } from "./unusual.js";
import { amount, brief, count, moment, say, span } from "./words.js";

function Engines({ view, figures }) {
  const engines = useAnswer("/v1/engines", 5000);
  const told = (engine) => ({
    queue: figure(figures, "aios_inference_queue_waiting", { engine: engine.name }) ?? figure(figures, "aios_inference_queue_waiting"),
    speed: figure(figures, "aios_inference_tokens_per_second", { engine: engine.name }),
    first: mean(figures, "aios_inference_time_to_first_token_seconds", { engine: engine.name }),
  });
  return html`<${Answered} of=${engines} what="Engines">${(all) => html`<section class="card"><h2>Engines</h2><table class="wide"><thead><tr><th>Engine</th><th>Models</th><th>Runs on</th><th class="right">Queue</th><th class="right">Tokens a second</th><th class="right">First token</th></tr></thead><tbody>${all.map((engine) => html`<tr key=${engine.name}><td><strong>${engine.name}</strong></td><td>${engine.models.length ? engine.models.join(", ") : html`<span class="muted">none by name</span>`}${engine.dimensions ? html`<p class="small muted">vectors of ${engine.dimensions}</p>` : null}</td><td data-label="Runs on">${engine.device}</td><td class="right num" data-label="Queue">${amount(told(engine).queue)}</td><td class="right num" data-label="Tokens a second">${amount(told(engine).speed)}</td><td class="right num" data-label="First token">${told(engine).first === undefined ? "–" : span(told(engine).first * 1000)}</td></tr>`)}</tbody></table>
    <p class="small muted">${view ? `${view.model.name || view.model.engine} on ${view.model.device} thinks for goals. ` : ""}A dash: nothing was counted yet, or this node does not tell it. Which engine a call would go to: <code>aios route explain</code>.</p></section>${all.map((engine) => html`<${Held} key=${engine.name} engine=${engine} />`)}`}</${Answered}>`;
}

function Rates() {
  // While rates are watched the node is looked at more often than for the line above.
  useAnswer("/v1/view", 2000);
  const { at, sent, refused, restarts, letters } = history.value;
  return html`<section class="card stack"><h2>Rates since this page was opened</h2>${at.length > 1 ? html`<${Chart} at=${at} lines=${[["Messages signed", sent], ["Refused", refused], ["Restarts", restarts], ["Dead letters", letters]]} />` : html`<p class="muted" role="status">Two looks at the node make a rate; the second is due in a moment.</p>`}</section>`;
}

function Breakers({ view }) {
  const own = useAnswer(offers("/v1/breakers") ? "/v1/breakers" : null, 4000);
  const all = own.value ?? view?.breakers ?? [];
  if (!all.length) return html`<section class="card"><${Empty} title="No breaker yet"><p>Each service that is called gets one. It opens after repeated failures, so that nobody waits for what does not answer.</p></${Empty}></section>`;
  return html`<section class="card"><h2>Breakers</h2><table class="wide"><thead><tr><th>Service</th><th>State</th><th class="right">Let through</th><th class="right">Openings</th><th class="right">Turned away</th><th>Failure seen last</th></tr></thead><tbody>${all.map((one) => html`<tr key=${one.service}><td class="mono">${one.service}</td><td><${State} of=${one.state} word=${one.state === "closed" ? "closed: calls pass" : one.state} />${one.retry_after_ms ? html`<p class="small muted">next look in ${span(one.retry_after_ms)}</p>` : null}</td><td class="right num" data-label="Let through">${Math.round(one.share * 100)} %</td><td class="right num" data-label="Openings">${one.trips}</td><td class="right num" data-label="Turned away">${one.rejected}</td><td class="small">${one.last_error || html`<span class="muted">none</span>`}</td></tr>`)}</tbody></table></section>`;
}

function Letter({ number }) {
  const shown = useAnswer(`/v1/dead-letters/${number}`);
  if (!shown.value) return html`<p class="muted small" role="status">${shown.error ? shown.error.message : "Asking the node …"}</p>`;
  return html`<pre tabindex="0">${shown.value.content ?? "What it says is no text."}${shown.value.cut ? " …" : ""}</pre>`;
}

const resend = (number) => act(`/v1/dead-letters/${number}/resend`, {}, `Letter ${number} is handed over once more`);
async function discard(number) {
  if (await confirm({ title: `Throw letter ${number} away?`, text: "It cannot be sent again after that. It stands in the audit.", does: "Throw it away", bad: true })) await act(`/v1/dead-letters/${number}/discard`, {}, `Letter ${number} is thrown away`);
}

function Letters({ open }) {
  const letters = useAnswer("/v1/dead-letters", 5000);
  return html`<${Answered} of=${letters} path="/v1/dead-letters" what="Dead letters">${(all) => html`<section class="card stack"><div class="row"><h2 class="grow">Dead letters</h2><span class="small muted num">${all.total} ever, ${all.kept.length} kept, ${all.taken} taken care of, ${all.forgotten} pushed out</span></div>
    ${Object.keys(all.by_reason).length ? html`<div class="row">${Object.entries(all.by_reason).map(([why, n]) => html`<span class="tag">${say(why)} ${n}</span>`)}</div>` : null}
    ${all.kept.length ? html`<ul class="stack">${all.kept.map((letter) => html`<li class="note warn" key=${letter.number}><i aria-hidden="true">✉</i><div class="stack"><div><strong>${letter.act ?? "unreadable"}</strong> from <span class="mono">${brief(letter.sender) || "nobody knows"}</span> to <span class="mono">${letter.receivers.map(brief).join(", ") || "nobody knows"}</span> <span class="small muted num">${moment(letter.at)}, ${amount(letter.bytes)} bytes</span></div><p>${letter.why}${letter.unreadable ? ` It cannot be read: ${letter.unreadable}` : ""}</p>
      ${open === String(letter.number) ? html`<${Letter} number=${letter.number} />` : null}
      <div class="row"><a class="button" href=${to(["engines"], { tab: "letters", of: open === String(letter.number) ? "" : letter.number })}>${open === String(letter.number) ? "Close" : "Look into it"}</a>${mayChange.value ? html`<button onClick=${() => resend(letter.number)}>Send again</button><button class="bad" onClick=${() => discard(letter.number)}>Throw away</button>` : null}${letter.conversation ? html`<a href=${to(["conversations"], { of: letter.conversation })}>Its conversation</a>` : null}</div></div></li>`)}</ul>` : html`<${Empty} title="Every message found its receiver"><p>What is not delivered stands here with its reason: nothing vanishes.</p></${Empty}>`}</section>`}</${Answered}>`;
}

function Thinking({ view }) {
  const figures = useMetrics();
  return html`<${Unusual} /><${Engines} view=${view} figures=${figures} /><${Routes} figures=${figures} /><${Buses} figures=${figures} /><${Rates} />`;
}

export function Models({ view }) {
  const { query } = address.value;
  const tab = query.get("tab") ?? "engines";
  const link = (name) => to(["engines"], { tab: name === "engines" ? "" : name });
  const resting = (view.value?.breakers ?? []).filter((one) => one.state !== "closed");
  return html`<${Head} title="Models and buses">What thinks, how fast messages pass, and what is kept from hurting itself.</${Head}>
    <${Tabs} label="Models and buses" now=${tab} tabs=${[["engines", "Engines and rates"], ["breakers", "Breakers"], ["letters", "Dead letters"]].map(([id, title]) => [id, title, link(id)])} />
    ${resting.length && tab !== "breakers" ? html`<${Note} tone="warn" sign="!">${count(resting.length, "service")} ${resting.length === 1 ? "rests" : "rest"} after failures: ${resting.map((one) => one.service).join(", ")}. <a href=${link("breakers")}>Look</a></${Note}>` : null}
    ${tab === "engines" ? html`<${Thinking} view=${view.value} />` : null}
    ${tab === "breakers" ? html`<${Breakers} view=${view.value} />` : null}
    ${tab === "letters" ? offers("/v1/dead-letters") === false ? html`<section class="card"><${NotOffered} what="A look into dead letters" />${view.value ? html`<p class="muted">${count(view.value.dead_letters, "message")} could not be delivered since the node began.</p>` : null}</section>` : html`<${Letters} open=${query.get("of") ?? ""} />` : null}`;
}
