// What agents and goals may spend and have spent: a ceiling that is one, and a bill each.
import { html } from "./lib.js";
import { to } from "./address.js";
import { useAnswer } from "./node.js";
import { Answered, Empty, Meter, Note } from "./pieces.js";
import { amount, brief, count, span } from "./words.js";

const money = (micros) => (micros ? (micros / 1e6).toFixed(micros < 10_000 ? 4 : 2) : "0");

export function Charge({ line }) {
  const goal = line.of === "goal";
  return html`<dl class="facts small"><dt>Spent</dt><dd class="num">${goal ? html`<${Meter} value=${line.spent.tokens} most=${line.ceiling.tokens} tail=" tokens" />` : `${amount(line.spent.tokens)} tokens over ${count(line.questions ?? 0, "question")}`}, ${count(line.spent.calls, "call")}, money ${money(line.spent.money_micros)}</dd>
    <dt>May spend</dt><dd class="num">${amount(line.ceiling.tokens)} tokens${line.ceiling.money_micros ? `, money ${money(line.ceiling.money_micros)}` : ""}, ${span(line.ceiling.time_ms)} ${goal ? "in all" : "a question"}</dd>
    ${line.tokens_left !== undefined && line.tokens_left !== null ? html`<dt>Left</dt><dd class="num">${amount(line.tokens_left)} tokens</dd>` : null}</dl>
    ${line.refused ? html`<${Note} tone="bad" sign="✕">${line.refused}</${Note}>` : null}`;
}

export function Budgets() {
  const budgets = useAnswer("/v1/budgets", 5000);
  return html`<${Answered} of=${budgets} path="/v1/budgets" what="Budgets">${(all) => (all.length ? html`<div class="cards">${all.map((line) => html`<article class="card stack" key=${`${line.of} ${line.name}`}><h2>${line.of === "goal" ? html`<a href=${to(["goals", line.name])}>${line.name}</a>` : html`<a class="mono" href=${to(["agents"], { of: line.name })}>${brief(line.name)}</a>`} <span class="muted small">${line.of}</span></h2><${Charge} line=${line} /></article>`)}</div>` : html`<section class="card"><${Empty} title="Nobody has a budget yet"><p>Each goal and each agent of a charter has one, and a thought is not begun that could not be paid.</p></${Empty}></section>`)}</${Answered}>`;
}
