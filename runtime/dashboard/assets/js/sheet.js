// One line of the tree closely, and what can be done with it.
import { html, useState } from "./lib.js";
import { changed, go, to } from "./address.js";
import { linesOf, stateOf } from "./rows.js";
import { mayChange, offers, useAnswer, lately } from "./node.js";
import { part } from "./contract.js";
import { act, confirm, Empty, Meter, Problem, State } from "./pieces.js";
import { brief, count, moment, say, span } from "./words.js";
import { Asker } from "./asker.js";
import { hand } from "./ended.js";

const ORDERS = {
  suspend: { title: "Suspend", text: "What is asked of it waits until it is resumed, through restarts too.", done: "suspended" },
  resume: { title: "Resume", text: "It takes up messages again.", done: "resumed" },
  stop: { title: "Stop", text: "It is asked to leave and stays down until its group is started anew.", done: "stopped", bad: true },
  kill: { title: "Kill", text: "It falls as by a fault. Its supervisor answers: it comes back by its strategy, and its unanswered work is handed to the next incarnation.", done: "killed; its supervisor answers", bad: true },
};

async function order(name, agent) {
  const { title, text, done, bad } = ORDERS[name];
  const meant = await confirm({ title: `${title} ${brief(agent)}?`, text: `${text} It stands in the audit.`, does: title, bad, command: name === "kill" || name === "stop" ? `aios ${name} ${agent}` : `aios agent ${name} ${agent}` });
  if (meant) await act(`/v1/agents/${part(agent)}/${name}`, {}, `${brief(agent)} is ${done}`);
}

function Orders({ agent, state }) {
  if (!mayChange.value) return html`<p class="muted small">You may look, not change: this link is read only.</p>`;
  const rests = state === "suspended";
  const names = ["suspend", "resume", "stop", "kill"].filter((name) => offers(`/v1/agents/{agent}/${name}`, "post") && !(name === "resume" && !rests) && !(name === "suspend" && rests));
  return html`<div class="row">${names.map((name) => html`<button key=${name} class=${ORDERS[name].bad ? "bad" : ""} onClick=${() => order(name, agent)}>${ORDERS[name].title}</button>`)}</div>`;
}

/** What lately happened with an agent, and what became of the message it had in its hands. */
function Lately({ agent }) {
  const mine = lately.value.filter((event) => event.name === "agent" && event.body?.agent === agent).slice(0, 10);
  if (!mine.length) return null;
  return html`<h3>Lately</h3><ol class="time">${mine.map(({ key, body }) => html`<li key=${key} class=${["exited", "gave_up"].includes(body.kind) ? "bad" : body.kind === "started" ? "ok" : "warn"}><span class="muted small num">${moment(body.at)}</span> ${say(body.kind)}${body.reason ? `: ${body.reason}` : ""}${body.delay_ms ? ` in ${span(body.delay_ms)}` : ""}${body.in_hand ? html`<p class="small">${hand(body.in_hand)}</p>` : null}</li>`)}</ol>`;
}

function Closely({ agent }) {
  const shown = useAnswer(`/v1/agents/${part(agent)}`, 4000);
  if (!shown.value) return null;
  const { description, skills, waiting, at_work, follows, questions, open_to } = shown.value;
  return html`${description && html`<p>${description}</p>`}
    <dl class="facts small">
      <dt>Waiting for it</dt><dd>${count(waiting, "request")}</dd><dt>At work on</dt><dd>${count(at_work, "request")}</dd>
      ${skills?.length ? html`<dt>Offers</dt><dd class="row">${skills.map((skill) => html`<span class="tag">${skill}</span>`)}</dd>` : null}
      ${open_to?.length ? html`<dt>May be asked by</dt><dd>${open_to.join(", ")}</dd>` : null}
      ${follows ? html`<dt>Charter</dt><dd><a href=${to(["agents"], { of: agent })}>${follows.name}</a></dd>` : null}
    </dl>
    ${questions?.length ? html`<h3>Asked last</h3><ul class="stack">${questions.slice(0, 4).map((one) => html`<li class="small"><${State} of=${one.status} /> <span class="muted num">${moment(one.began)}</span> ${count(one.turns, "turn")}, ${count(one.spent?.tokens ?? 0, "token")}</li>`)}</ul>` : null}`;
}

/** Where one line is asked for: a supervisor tells of its children, and the root of itself. */
function place(path) {
  const cut = path.lastIndexOf("/");
  return cut < 0 ? { under: path, levels: 0 } : { under: path.slice(0, cut), levels: 1, search: path.slice(cut + 1) };
}

function useLine(path, view) {
  const paged = offers("/v1/tree");
  const told = useAnswer(paged ? `/v1/tree?${new URLSearchParams(place(path))}` : null, 3000);
  if (paged) return { line: told.value?.lines.find((line) => line.path === path), known: Boolean(told.value || told.error), error: told.error };
  return { line: view && linesOf(view.tree).find((line) => line.path === path), known: Boolean(view) };
}

export function Sheet({ view, path }) {
  const [asking, ask] = useState(false);
  const { line, known, error } = useLine(path, view);
  const close = () => go(changed({ of: "" }), true);
  if (!line) return html`<aside class="card sheet" id="sheet" tabindex="-1" aria-label="Closely">${!known ? html`<p class="muted" role="status">Asking the node …</p>` : error && error.kind !== "unknown" ? html`<${Problem} error=${error} />` : html`<${Empty} title="It is gone"><p>Nothing with this name stands in the tree any more. It may have ended, or the node was started anew.</p><button onClick=${close}>Close</button></${Empty}>`}</aside>`;
  const { supervisor: sup, agent } = line;
  const state = stateOf(line);
  const worker = line.level > 0 && !sup;
  return html`<aside class="card sheet stack" id="sheet" tabindex="-1" aria-label=${`${line.id} closely`} onKeyDown=${(event) => { if (event.key === "Escape") close(); }}>
    <div class="head"><div><h2 class="mono">${brief(line.id)}</h2></div><button class="plain" aria-label="Close" onClick=${close}>✕</button></div>
    <div class="row"><${State} of=${state} /><span class="muted small">for ${span(line.since_ms)}</span></div>
    ${worker ? html`<${Orders} agent=${line.id} state=${state} />` : null}
    <dl class="facts small">
      ${line.restart ? html`<dt>Comes back</dt><dd>${{ permanent: "always", transient: "after a fault", temporary: "never" }[line.restart] ?? line.restart}</dd><dt>Incarnation</dt><dd class="num">${line.incarnation}</dd><dt>Restarts</dt><dd class="num">${line.restarts}</dd>` : null}
      ${line.backoff_left_ms ? html`<dt>Back in</dt><dd>${span(line.backoff_left_ms)}</dd>` : null}
      ${line.mailbox ? html`<dt>Mailbox</dt><dd><${Meter} value=${line.mailbox.queued} most=${line.mailbox.capacity} /></dd>` : null}
      ${line.last_exit ? html`<dt>Last exit</dt><dd>${line.last_exit}</dd>` : null}
      ${line.note ? html`<dt>Says of itself</dt><dd>${line.note}</dd>` : null}
      ${agent ? html`<dt>In its hands</dt><dd>${count(agent.in_hand, "message")}, ${count(agent.running, "job")} running</dd><dt>Waits for</dt><dd>${count(agent.asks, "answer")} in ${count(agent.conversations, "conversation")}</dd><dt>Messages</dt><dd class="num">${agent.sent} sent, ${agent.verified} verified, ${agent.refused} refused</dd>${agent.last_failure ? html`<dt>Fell because</dt><dd>${agent.last_failure}</dd>` : null}` : null}
      ${sup ? html`<dt>Strategy</dt><dd>${say(sup.strategy)}</dd><dt>Restart limit</dt><dd><${Meter} value=${sup.restarts_counted} most=${sup.restarts_allowed} tail=${` within ${span(sup.window_ms)}`} /></dd><dt>Children</dt><dd>${sup.active} run of ${sup.children}</dd>` : null}
    </dl>
    ${worker ? html`<${Closely} agent=${line.id} /><${Lately} agent=${line.id} />
      ${mayChange.value ? asking ? html`<${Asker} agent=${line.id} />` : html`<div><button onClick=${() => ask(true)}>Ask it something</button></div>` : null}
      <p class="small"><a href=${to(["conversations"], { agent: line.id })}>Its conversations</a></p>` : null}
  </aside>`;
}
