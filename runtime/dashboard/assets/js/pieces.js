// Small pieces that every view is made of.
import { html, signal, useEffect, useRef } from "./lib.js";
import { sign, say, amount } from "./words.js";
import { offers } from "./node.js";
import { command } from "./contract.js";
import { revive } from "./node.js";

/** A state: sign, word, colour. */
export function State({ of, word = say(of) }) {
  const { glyph, tone } = sign(of);
  return html`<span class=${`chip ${tone}`}><i aria-hidden="true">${glyph}</i>${word}</span>`;
}

/** Two numbers that belong together, and how near the first is to the second. */
export function Meter({ value, most, tail = "" }) {
  const share = most > 0 ? Math.min(1, value / most) : 0;
  const tone = share >= 0.9 ? "bad" : share >= 0.6 ? "warn" : "";
  return html`<span class=${`meter ${tone}`}><svg viewBox="0 0 54 6" preserveAspectRatio="none" aria-hidden="true"><rect width=${54 * share} height="6" /></svg>${amount(value)} / ${amount(most)}${tail}</span>`;
}

const DRAWN = html`<svg viewBox="0 0 40 40" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true"><circle cx="20" cy="9" r="4" /><circle cx="9" cy="30" r="4" /><circle cx="31" cy="30" r="4" /><path d="M20 13v7M20 20H9v6M20 20h11v6" /></svg>`;

/** Nothing is there, and that is normal. */
export function Empty({ title, children }) {
  return html`<div class="empty">${DRAWN}<strong>${title}</strong>${children}</div>`;
}

/** This node has no such thing to tell. */
export function NotOffered({ what }) {
  return html`<${Empty} title=${`${what} is not offered by this node`}><p>The rest of the page works as usual. A node of a newer version may tell it.</p></${Empty}>`;
}

/** A refusal or a failure, and what can be done. */
export function Problem({ error, children }) {
  if (!error) return null;
  return html`<div class="note bad" role="alert"><i aria-hidden="true">✕</i><div><strong>${error.message}</strong>${error.whatToDo && html`<p class="muted">${error.whatToDo}</p>`}${children}</div></div>`;
}

/** Shows an answer, or why there is none (yet). */
export function Answered({ of, path, what, children }) {
  if (path && offers(path) === false) return html`<${NotOffered} what=${what} />`;
  if (of.value !== null) return children(of.value);
  if (of.error) return html`<${Problem} error=${of.error}><div class="row"><button onClick=${of.refresh}>Try again</button></div></${Problem}>`;
  return html`<p class="muted" role="status">Asking the node …</p>`;
}

export function Note({ tone = "calm", sign: glyph = "i", children }) {
  return html`<div class=${`note ${tone}`}><i aria-hidden="true">${glyph}</i><div>${children}</div></div>`;
}

const toasts = signal([]);
let last = 0;
/** Says something in passing. */
export function tell(text, tone = "ok", more = "") {
  const id = ++last;
  toasts.value = [...toasts.value, { id, text, tone, more }];
  setTimeout(() => { toasts.value = toasts.value.filter((toast) => toast.id !== id); }, tone === "bad" ? 9000 : 4000);
}
export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">${toasts.value.map((toast) => html`<div key=${toast.id} class=${`note ${toast.tone}`}><i aria-hidden="true">${toast.tone === "bad" ? "✕" : "✓"}</i><div>${toast.text}${toast.more && html`<p class="muted">${toast.more}</p>`}</div></div>`)}</div>`;
}

/** Carries a command out and says how it went. */
export async function act(path, body, done) {
  try {
    const answer = await command(path, body);
    tell(done);
    revive();
    return answer ?? {};
  } catch (error) {
    tell(error.message, "bad", error.whatToDo);
    return null;
  }
}

const asked = signal(null);
/** Has a person say that it is meant. */
export function confirm(question) {
  return new Promise((resolve) => { asked.value = { ...question, resolve }; });
}
export function Confirm() {
  const box = useRef(null);
  const question = asked.value;
  useEffect(() => { if (question && box.current && !box.current.open) box.current.showModal(); }, [question]);
  if (!question) return null;
  const close = (meant) => { box.current?.close(); asked.value = null; question.resolve(meant); };
  return html`<dialog ref=${box} onCancel=${(event) => { event.preventDefault(); close(null); }} aria-labelledby="asked">
    <form onSubmit=${(event) => { event.preventDefault(); close({ reason: event.target.reason?.value ?? "" }); }}>
      <h2 id="asked">${question.title}</h2>
      <p>${question.text}</p>
      ${question.reason && html`<label>${question.reason}<input name="reason" autocomplete="off" maxlength="400" /></label>`}
      ${question.command && html`<p class="small muted">In a terminal: <code>${question.command}</code></p>`}
      <div class="row"><button type="button" onClick=${() => close(null)} autofocus>Leave it</button><button type="submit" class=${question.bad ? "bad" : "main"}>${question.does}</button></div>
    </form>
  </dialog>`;
}

/** Views inside a view, each with its place in the address. */
export function Tabs({ tabs, now, label }) {
  return html`<nav class="tabs" aria-label=${label}>${tabs.map(([id, title, link]) => html`<a key=${id} href=${link} aria-current=${id === now ? "page" : undefined}>${title}</a>`)}</nav>`;
}

/** The head of a view. */
export function Head({ title, children, actions }) {
  return html`<div class="head"><div><h1>${title}</h1>${children && html`<p>${children}</p>`}</div>${actions && html`<div class="row">${actions}</div>`}</div>`;
}
