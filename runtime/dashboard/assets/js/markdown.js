// Markdown as elements: headings, lists, tables, emphasis, code. Whatever else stands in it, markup and scripts among it, is text. A picture
// is shown only when it is a file of the goal that the node serves; links lead nowhere but are told.
import { html } from "./lib.js";
import { served } from "./artefacts.js";

const INLINE = /(`[^`]+`)|(!\[[^\]]*\]\([^)\s]+\))|(\[[^\]]+\]\([^)\s]+\))|(\*\*[^*]+\*\*)|(\*[^*\s][^*]*\*)|((?<![\p{L}\p{N}_])_[^_\s][^_]*_(?![\p{L}\p{N}_]))/u;

const NAMED = { lt: "<", gt: ">", amp: "&", quot: "\"", apos: "'", nbsp: "\u00a0" };
/** Signs that were written so that they pass for no markup. They become text, never elements. */
const plain = (text) => text.replace(/&(?:(lt|gt|amp|quot|apos|nbsp)|#(\d{1,7}));/g, (all, name, code) => (name ? NAMED[name] : Number(code) <= 0x10ffff ? String.fromCodePoint(Number(code)) : all)).replace(/\\([\\`*_{}[\]()#+\-.!|<>])/g, "$1");

function inline(text, context) {
  const found = [];
  let rest = text;
  for (let match = INLINE.exec(rest); match; match = INLINE.exec(rest)) {
    if (match.index) found.push(plain(rest.slice(0, match.index)));
    const [all] = match;
    if (match[1]) found.push(html`<code>${all.slice(1, -1)}</code>`);
    else if (match[2]) found.push(picture(all, context));
    else if (match[3]) { const [, label, target] = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(all); found.push(html`<span title=${target}>${label} <span class="muted small">(${target})</span></span>`); }
    else if (match[4]) found.push(html`<strong>${inline(all.slice(2, -2), context)}</strong>`);
    else found.push(html`<em>${inline(all.slice(1, -1), context)}</em>`);
    rest = rest.slice(match.index + all.length);
  }
  if (rest) found.push(plain(rest));
  return found;
}

function picture(text, { goal, artefacts }) {
  const [, alt, target] = /^!\[([^\]]*)\]\(([^)\s]+)\)$/.exec(text);
  const name = target.split("/").at(-1);
  const own = artefacts?.find((one) => String(one.path).split("/").at(-1) === name);
  const link = own && served(goal, own);
  return link ? html`<img src=${link} alt=${alt || own.description} loading="lazy" />` : html`<span class="muted">[picture ${name}: ${alt || own?.description || "no description"}]</span>`;
}

const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));

export function blocks(text) {
  const lines = String(text).split(/\r?\n/);
  const found = [];
  let at = 0;
  const take = (test) => { const some = []; while (at < lines.length && test(lines[at])) some.push(lines[at++]); return some; };
  while (at < lines.length) {
    const line = lines[at];
    if (!line.trim()) { at += 1; continue; }
    if (/^```/.test(line)) { at += 1; const code = take((one) => !/^```/.test(one)); at += 1; found.push({ kind: "code", text: code.join("\n") }); continue; }
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    if (heading) { at += 1; found.push({ kind: "heading", level: heading[1].length, text: heading[2] }); continue; }
    if (/^\s*\|/.test(line) && /^\s*\|?[\s:|-]+\|?\s*$/.test(lines[at + 1] ?? "") && (lines[at + 1] ?? "").includes("-")) {
      const head = cells(line); at += 2;
      found.push({ kind: "table", head, rows: take((one) => /^\s*\|/.test(one)).map(cells) }); continue;
    }
    if (/^\s*[-*+]\s+/.test(line)) { found.push({ kind: "list", items: take((one) => /^\s*[-*+]\s+|^\s{2,}\S/.test(one)).map((one) => one.replace(/^\s*[-*+]\s+/, "").trim()) }); continue; }
    if (/^\s*\d+[.)]\s+/.test(line)) { found.push({ kind: "steps", items: take((one) => /^\s*\d+[.)]\s+|^\s{2,}\S/.test(one)).map((one) => one.replace(/^\s*\d+[.)]\s+/, "").trim()) }); continue; }
    if (/^\s*>/.test(line)) { found.push({ kind: "quote", text: take((one) => /^\s*>/.test(one)).map((one) => one.replace(/^\s*>\s?/, "")).join(" ") }); continue; }
    const words = take((one) => one.trim() && !/^(#{1,6}\s|```|\s*[-*+]\s+|\s*>|\s*\|)/.test(one));
    found.push({ kind: "words", text: words.length ? words.join(" ") : lines[at++] });
  }
  return found;
}

export function Markdown({ text, goal, artefacts }) {
  const context = { goal, artefacts };
  return html`<div class="prose">${blocks(text).map((block) => {
    switch (block.kind) {
      case "heading": return block.level < 3 ? html`<h3>${inline(block.text, context)}</h3>` : html`<h4>${inline(block.text, context)}</h4>`;
      case "code": return html`<pre tabindex="0">${block.text}</pre>`;
      case "table": return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of the answer"><table><thead><tr>${block.head.map((cell) => html`<th scope="col">${inline(cell, context)}</th>`)}</tr></thead><tbody>${block.rows.map((row) => html`<tr>${row.map((cell) => html`<td>${inline(cell, context)}</td>`)}</tr>`)}</tbody></table></div>`;
      case "list": return html`<ul>${block.items.map((item) => html`<li>${inline(item, context)}</li>`)}</ul>`;
      case "steps": return html`<ol>${block.items.map((item) => html`<li>${inline(item, context)}</li>`)}</ol>`;
      case "quote": return html`<blockquote>${inline(block.text, context)}</blockquote>`;
      default: return html`<p>${inline(block.text, context)}</p>`;
    }
  })}</div>`;
}
