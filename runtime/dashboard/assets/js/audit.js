// What was commanded and what was refused, in order, chained so that a change shows; to be taken along as a file.
import { html, useEffect, useState } from "./lib.js";
import { address, changed, go } from "./address.js";
import { offers, useAnswer } from "./node.js";
import { Answered, Empty, Head, NotOffered, Note } from "./pieces.js";
import { brief, count, moment, say } from "./words.js";

const SHOWN = 400;

function save(trail) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(trail, null, 1)], { type: "application/json" }));
  link.download = `aios-audit-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function digest(entry) {
  // As the node writes an entry, so it is written here: the same fields in the same order.
  const bytes = new TextEncoder().encode(JSON.stringify(entry));
  return [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Goes along the chains: how many links hold, and the entry at which one does not. Commands that were forbidden and messages that were refused have chains of their own. */
async function gone({ entries, head }) {
  const last = new Map();
  let links = 0;
  for (const entry of entries) {
    const chain = entry.sort === "refusal" ? "refusals" : entry.label === "forbidden" ? "forbidden" : "done";
    const before = last.get(chain);
    if (before && await digest(before) !== entry.before) return { links, broken: entry.seq };
    if (before) links += 1;
    last.set(chain, entry);
  }
  const end = last.get("done");
  return end && await digest(end) !== head ? { links, broken: end.seq } : { links };
}

/** What this page has checked itself, beside what the node says of its trail. */
function Checked({ trail }) {
  const [found, set] = useState(null);
  useEffect(() => {
    let left = false;
    if (crypto.subtle) gone(trail).then((seen) => { if (!left) set(seen); });
    return () => { left = true; };
  }, [trail.head, trail.entries.length]);
  if (!found) return null;
  return html`<p class="small muted">${found.broken ? `This page followed ${count(found.links, "link")} itself and could not follow the one at entry ${found.broken}: it was changed, or is told without the names of others' goals.` : `This page followed all ${count(found.links, "link")} itself, up to the head.`}</p>`;
}

const today = () => new Date().toDateString();
/** The time, and the day of one that is not today's. */
const when = (at) => (new Date(at).toDateString() === today() ? moment(at) : `${String(at).slice(0, 10)} ${moment(at)}`);

function Entry({ entry }) {
  const bad = entry.sort === "refusal" || entry.label !== "done";
  return html`<tr><td class="num small">${entry.seq}</td><td class="num small" title=${entry.at}>${when(entry.at)}</td><td><span class=${`chip ${bad ? "bad" : "ok"}`}><i aria-hidden="true">${bad ? "✕" : "✓"}</i>${entry.sort === "refusal" ? say(entry.label) : entry.label === "done" ? "command" : say(entry.label)}</span></td><td class="mono small" data-label="By">${brief(entry.by)}</td><td class="mono small" data-label=${entry.from ? "From" : undefined}>${entry.from ? brief(entry.from) : ""}</td><td>${entry.what}</td></tr>`;
}

export function Audit() {
  const { query } = address.value;
  const trail = useAnswer(offers("/v1/audit") ? "/v1/audit" : null, 4000);
  const search = (query.get("q") ?? "").toLowerCase();
  const sort = query.get("sort") ?? "";
  const head = (actions) => html`<${Head} title="Audit" actions=${actions}>What people commanded and what agents refused, each entry naming the one before it. It is on record: a node that starts again goes on with it.</${Head}>`;
  if (offers("/v1/audit") === false) return html`${head()}<section class="card"><${NotOffered} what="The audit trail" /></section>`;
  return html`<${Answered} of=${trail} what="The audit trail">${(all) => {
    const fit = all.entries.filter((entry) => (!sort || entry.sort === sort) && (!search || `${entry.by} ${entry.from ?? ""} ${entry.label} ${entry.what}`.toLowerCase().includes(search)));
    return html`${head(html`<button onClick=${() => save(all)}>Take it along (JSON)</button>`)}
      ${all.chain_holds ? html`<${Note} tone="ok" sign="✓">The chain holds: every entry names the digest of the one before it. Head: <code>${all.head}</code><${Checked} trail=${all} /></${Note}>` : html`<${Note} tone="bad" sign="✕"><strong>The chain is broken.</strong> An entry does not name the one before it: the trail was changed.<${Checked} trail=${all} /></${Note}>`}
      <div class="bar" role="search"><input type="search" aria-label="Search the audit" placeholder="Search who, what or why" value=${query.get("q") ?? ""} onInput=${(event) => go(changed({ q: event.target.value }), true)} /><select aria-label="Only one sort" value=${sort} onChange=${(event) => go(changed({ sort: event.target.value }), true)}><option value="">Commands and refusals</option><option value="command">Commands</option><option value="refusal">Refusals</option></select><span class="small muted">${count(fit.length, "entry", "entries")}</span></div>
      ${Object.keys(all.refused).length ? html`<div class="row"><span class="small muted">Ever refused:</span>${Object.entries(all.refused).map(([why, n]) => html`<span class="tag">${say(why)} ${n}</span>`)}</div>` : null}
      <section class="card">${fit.length ? html`<table class="wide"><thead><tr><th>No.</th><th>When</th><th>What</th><th>By</th><th>From</th><th>In words</th></tr></thead><tbody>${fit.slice(-SHOWN).reverse().map((entry) => html`<${Entry} key=${entry.seq} entry=${entry} />`)}</tbody></table>` : html`<${Empty} title="Nothing is on record"><p>Nobody has commanded anything, and nothing was refused.</p></${Empty}>`}</section>
      ${fit.length > SHOWN ? html`<p class="small muted">The last ${SHOWN} of ${fit.length}; the file has all.</p>` : null}`;
  }}</${Answered}>`;
}
