// Who says what to whom: the conversations there are, who owes what by when, and each as a sequence diagram, live.
import { html, useEffect, useMemo, useState } from "./lib.js";
import { address, changed, go, to } from "./address.js";
import { events, part } from "./contract.js";
import { offers, useAnswer, told as moved } from "./node.js";
import { Answered, Empty, Head, NotOffered, Note, State } from "./pieces.js";
import { Sequence, arrows } from "./sequence.js";
import { amount, brief, count, moment, say } from "./words.js";

/** Messages that are held to be drawn. */
const HELD_MAX = 2000;
const DRAWN_MAX = 300;
const ACTS = ["request", "inform", "agree", "refuse", "failure", "propose", "accept-proposal", "reject-proposal", "cfp", "query-if", "query-ref", "cancel", "not-understood", "subscribe"];

/** Messages as they pass by, of one conversation or all, while this view is open; the node notes none when nobody looks. */
function useMessages(open, only) {
  const [heard, hear] = useState({ list: [], left: 0, live: false });
  useEffect(() => {
    if (!open) return undefined;
    let held = [];
    let left = 0;
    let soon = 0;
    hear((old) => ({ list: [], left, live: old.live }));
    // A list of its own each time: what is drawn of it is worked out anew when it is another.
    const show = () => { soon = 0; hear({ list: [...held], left, live: true }); };
    const end = events(`/v1/events?fresh=true&kinds=message${only ? `&conversation=${part(only)}` : ""}`, (name, event) => {
      if (name === "gap") left += event.body?.left_out ?? 0;
      if (name === "message") { held.push(event.body); if (held.length > HELD_MAX) held = held.slice(-HELD_MAX / 2); }
      soon ||= setTimeout(show, 120);
    }, (live) => hear((old) => ({ ...old, live })));
    return () => { clearTimeout(soon); end(); };
  }, [open, only]);
  return heard;
}

function Owed({ owed }) {
  if (!owed.length) return null;
  return html`<ul class="stack small">${owed.map((one) => { const late = one.by && new Date(one.by) < new Date(); return html`<li class="row"><span class=${`chip ${late ? "bad" : "warn"}`}><i aria-hidden="true">${late ? "⌛" : "◌"}</i>owes an answer</span><a class="mono" href=${to(["tree"], { q: one.party })}>${brief(one.party)}</a>${one.by ? html`<span class="muted">${late ? "was due" : "by"} ${moment(one.by)}</span>` : html`<span class="muted">no deadline said</span>`}</li>`; })}</ul>`;
}

function List({ lines, picked }) {
  if (!lines.length) return html`<${Empty} title="No conversation"><p>None is under way and none was seen of late that fits. Give the node a goal and look again.</p></${Empty}>`;
  return html`<ul class="picks">${lines.slice(0, 200).map((line) => html`<li key=${line.conversation}><a href=${changed({ of: line.conversation })} aria-current=${line.conversation === picked ? "true" : undefined}>
    <span class="row"><${State} of=${line.open ? "under_way" : "finished"} word=${line.open ? "open" : "over"} />${line.protocol ? html`<span class="tag">${line.protocol}</span>` : null}${line.owed.length ? html`<span class="chip warn"><i aria-hidden="true">◌</i>${count(line.owed.length, "answer")} due</span>` : null}</span>
    <span class="small mono">${brief(line.initiator)}</span><span class="small muted">with ${line.participants.map((one) => `${brief(one.party)} (${say(one.state)})`).join(", ") || "nobody yet"}</span>
    <span class="small muted num">${count(line.messages, "message")}${line.last_at ? `, last ${moment(line.last_at)}` : ""}</span></a></li>`)}</ul>`;
}

function Picked({ said }) {
  if (!said) return html`<p class="muted small">Pick an arrow to see the message closely.</p>`;
  return html`<dl class="facts small" aria-live="polite"><dt>Act</dt><dd><strong>${said.act ?? "cannot be read"}</strong></dd>
    <dt>From</dt><dd class="mono">${said.sender ?? "nobody knows"}</dd><dt>To</dt><dd class="mono">${said.receiver}</dd>
    <dt>Signature</dt><dd>${said.what === "refused" ? html`<span class="chip bad"><i aria-hidden="true">✕</i>${said.label ?? "refused"}</span> ${said.why}` : said.what === "verified" ? html`<${State} of="verified" word="verified by its receiver" />` : html`<${State} of="waiting" word="signed, lies in the mailbox" />`}</dd>
    <dt>When</dt><dd>${moment(said.at)}${said.reply_by ? `, the next act is due by ${moment(said.reply_by)}` : ""}</dd>
    ${said.protocol ? html`<dt>Protocol</dt><dd>${said.protocol}</dd>` : null}${said.conversation ? html`<dt>Conversation</dt><dd><a href=${changed({ of: said.conversation })}>${said.conversation}</a></dd>` : null}
    ${said.goal_id ? html`<dt>Goal</dt><dd><a href=${to(["goals", said.goal_id])}>${said.goal_id}</a></dd>` : null}<dt>Content</dt><dd>${amount(said.content_bytes)} bytes; what it says is not shown</dd>${said.trace_id ? html`<dt>Trace</dt><dd class="mono">${said.trace_id}</dd>` : null}</dl>`;
}

function Drawn({ said, filter, left, live, empty }) {
  const [chosen, choose] = useState("");
  const all = useMemo(() => arrows(said), [said]);
  const fit = all.filter((one) => (!filter.agent || [one.sender, one.receiver].some((who) => who?.includes(filter.agent))) && (!filter.act || one.act === filter.act) && (!filter.only || one.what === filter.only));
  const some = fit.slice(-DRAWN_MAX);
  const pick = some.find((one) => one.key === chosen);
  if (!some.length) return html`<${Empty} title=${all.length ? "No message fits" : "Nothing is being said"}><p>${all.length ? "None of the messages held fits what is asked for." : empty}</p></${Empty}>`;
  return html`${left ? html`<${Note} tone="warn" sign="…">${count(left, "message")} passed faster than they are told to this page and are left out here.</${Note}>` : null}
    ${fit.length > some.length ? html`<p class="small muted">The last ${some.length} of ${fit.length} messages.</p>` : null}
    <${Sequence} arrows=${some} chosen=${chosen} onChoose=${(key) => choose(key === chosen ? "" : key)} />
    <${Picked} said=${pick} />`;
}

function One({ id, filter, all, left }) {
  const shown = useAnswer(`/v1/conversations/${part(id)}`, 2500);
  return html`<${Answered} of=${shown} what="Conversations">${(one) => {
    const said = all.filter((message) => message.conversation === id);
    return html`<div class="row"><h2 class="grow mono">${id}</h2><a class="button" href=${changed({ of: "" })}>All, live</a></div>
      <div class="row"><${State} of=${one.open ? "under_way" : "finished"} word=${one.open ? "open" : "over"} />${one.protocol ? html`<span class="tag">${one.protocol}</span>` : null}${one.goal_id ? html`<a href=${to(["goals", one.goal_id])}>Goal ${one.goal_id}: why is it waiting?</a>` : null}</div>
      <${Owed} owed=${one.owed} />
      <ul class="row small">${one.participants.map((who) => html`<li><span class="mono">${brief(who.party)}</span> <span class="muted">${say(who.state)}</span></li>`)}</ul>
      <${Drawn} said=${[...one.said, ...said]} filter=${filter} left=${left} empty="What was said before this page looked is not kept: messages are noted only while somebody watches." />`;
  }}</${Answered}>`;
}

export function Conversations() {
  const { query } = address.value;
  const filter = { agent: query.get("agent") ?? "", act: query.get("act") ?? "", only: query.get("only") ?? "" };
  const picked = query.get("of") ?? "";
  const there = offers("/v1/conversations");
  const heard = useMessages(offers("/v1/events") === true, picked);
  const lines = useAnswer(there ? "/v1/conversations" : null, 3000);
  useEffect(() => { lines.refresh(); }, [moved.value]);
  const set = (fields) => go(changed(fields), true);
  const head = html`<${Head} title="Conversations">Who says what to whom. Every message is signed; each arrow says whether its receiver could verify it, or why it was refused.</${Head}>`;
  if (there === false) return html`${head}<section class="card"><${NotOffered} what="Conversations" /></section>`;
  const fits = (line) => !filter.agent || line.initiator.includes(filter.agent) || line.participants.some((one) => one.party.includes(filter.agent));
  return html`${head}
    <div class="bar" role="search">
      <input type="search" aria-label="Only with this agent" placeholder="Only with this agent" value=${filter.agent} onInput=${(event) => set({ agent: event.target.value })} />
      <select aria-label="Only this act" value=${filter.act} onChange=${(event) => set({ act: event.target.value })}><option value="">Every act</option>${ACTS.map((act) => html`<option value=${act}>${act}</option>`)}</select>
      <select aria-label="Only so far" value=${filter.only} onChange=${(event) => set({ only: event.target.value })}><option value="">Verified or not</option><option value="verified">Verified</option><option value="refused">Refused</option><option value="sent">Not taken up yet</option></select>
      <span class="small muted">${heard.live ? "● live" : "○ not live"}</span>
    </div>
    <div class=${`split list ${picked ? "picked" : ""}`}>
      <section class="card flush" aria-label="Conversations"><${Answered} of=${lines} what="Conversations">${(all) => html`<${List} lines=${all.filter(fits)} picked=${picked} />`}</${Answered}></section>
      <section class="card stack" aria-label="Sequence diagram">${picked ? html`<${One} key=${picked} id=${picked} filter=${filter} all=${heard.list} left=${heard.left} />` : html`<h2>All, live</h2><${Drawn} said=${heard.list} filter=${filter} left=${heard.left} empty="Messages are drawn here as they pass by. Give the node a goal, or ask an agent." />`}</section>
    </div>`;
}
