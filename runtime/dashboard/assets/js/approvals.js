// What agents ask a person, and the decision.
import { html } from "./lib.js";
import { to } from "./address.js";
import { part } from "./contract.js";
import { mayDecide } from "./node.js";
import { act, Answered, confirm, Empty, State } from "./pieces.js";
import { brief, moment } from "./words.js";

/** Decides; forbidding asks for a reason, which the agent is told. */
export async function decide(id, decision) {
  const accept = decision === "accept";
  const meant = await confirm({ title: accept ? "Allow it?" : "Forbid it?", text: accept ? "It is done once, and your decision is signed and stands in the audit." : "It is not done, and your decision is signed and stands in the audit.", does: accept ? "Allow it" : "Forbid it", bad: !accept, reason: "Why (the agent is told)", command: `aios approvals ${decision} ${id}` });
  if (meant) await act(`/v1/approvals/${part(id)}/decide`, { decision, reason: meant.reason }, accept ? "Allowed" : "Forbidden");
}

export function Approvals({ of }) {
  return html`<${Answered} of=${of} what="Approvals">${(all) => {
    const sorted = [...all].sort((a, b) => (b.status === "open") - (a.status === "open") || String(b.asked_at).localeCompare(String(a.asked_at)));
    if (!sorted.length) return html`<section class="card"><${Empty} title="Nobody is asked anything"><p>When an agent may not decide by itself, its question stands here. It waits without holding anything up but itself.</p></${Empty}></section>`;
    return html`<div class="cards">${sorted.map((one) => html`<article key=${one.id} class="card stack"><div class="row"><${State} of=${one.status} /><span class="muted small">${brief(one.asked_by)}, ${moment(one.asked_at)}</span></div>
      <p><strong>${one.question}</strong></p>
      <dl class="facts small"><dt>Goal</dt><dd><a href=${to(["goals", one.goal])}>${one.goal}</a></dd><dt>Task</dt><dd>${one.task} <span class="tag">${one.tool}</span></dd><dt>Until</dt><dd>${moment(one.deadline)}</dd>${one.decided_by ? html`<dt>Decided by</dt><dd>${one.decided_by}${one.reason ? `: ${one.reason}` : ""}</dd>` : null}</dl>
      ${one.status === "open" && mayDecide.value ? html`<div class="row"><button class="main" onClick=${() => decide(one.id, "accept")}>Allow it</button><button class="bad" onClick=${() => decide(one.id, "reject")}>Forbid it</button></div>` : null}</article>`)}</div>`;
  }}</${Answered}>`;
}
