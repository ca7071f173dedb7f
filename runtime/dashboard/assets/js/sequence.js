// Messages as a sequence diagram: a line a party, an arrow a message. A refused one ends in a cross and says why.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./lib.js";
import { brief, moment } from "./words.js";

/** A party's column: as wide as there is room for, between these. */
const COLUMN = [124, 230];
const STEP = 44;
const HEAD = 44;
const LEFT = 96;

/** What was told of messages, one arrow each: a message that was sent and then verified is one. */
export function arrows(told) {
  const found = new Map();
  told.forEach((one, at) => {
    const key = one.message ? `${one.message} ${one.receiver}` : `${one.at} ${at}`;
    const known = found.get(key);
    if (!known) found.set(key, { ...one, key });
    else if (one.what !== "sent") Object.assign(known, one, { at: known.at, key });
  });
  return [...found.values()];
}

const short = (party) => {
  const [, role, instance] = brief(party).split(".");
  return role ? `${role} ${instance ?? ""}`.trim() : brief(party);
};
const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

export function Sequence({ arrows: drawn, chosen, onChoose }) {
  const box = useRef(null);
  const stays = useRef(true);
  const parties = [];
  for (const one of drawn) for (const who of [one.sender ?? "nobody knows", one.receiver]) if (!parties.includes(who)) parties.push(who);
  const [room, measure] = useState(900);
  const column = Math.max(COLUMN[0], Math.min(COLUMN[1], (room - LEFT - 8) / Math.max(1, parties.length)));
  const x = (who) => LEFT + column / 2 + parties.indexOf(who) * column;
  const width = LEFT + parties.length * column;
  const height = drawn.length * STEP + 14;
  useEffect(() => {
    const node = box.current;
    const scrolled = () => { stays.current = node.scrollTop + node.clientHeight > node.scrollHeight - 60; };
    node.addEventListener("scroll", scrolled, { passive: true });
    const watcher = new ResizeObserver(() => measure(node.clientWidth));
    watcher.observe(node);
    return () => { node.removeEventListener("scroll", scrolled); watcher.disconnect(); };
  }, []);
  // Whoever is at the end stays there; whoever has scrolled back is left alone.
  useLayoutEffect(() => { if (stays.current) box.current.scrollTop = box.current.scrollHeight; }, [drawn.length]);
  return html`<div class="seq" ref=${box} tabindex="0" role="region" aria-label="Messages in order">
    <svg class="top1" width=${width} height=${HEAD} viewBox=${`0 0 ${width} ${HEAD}`} aria-hidden="true">${parties.map((who) => html`<g class="who" key=${who}><title>${who}</title><rect x=${x(who) - column / 2 + 5} y="6" width=${column - 10} height="30" rx="7" /><text x=${x(who)} y="26" text-anchor="middle">${cut(short(who), Math.floor(column / 8.4))}</text></g>`)}</svg>
    <svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="group" aria-label=${`${drawn.length} messages between ${parties.length} parties`}>
    ${parties.map((who) => html`<path class="life" key=${who} d=${`M${x(who)} 0V${height}`} />`)}
    ${drawn.map((one, at) => {
      const y = 26 + at * STEP;
      const from = x(one.sender ?? "nobody knows");
      const until = x(one.receiver);
      const self = from === until;
      const way = Math.sign(until - from) || 1;
      const bad = one.what === "refused";
      const mark = bad ? "✕" : one.what === "verified" ? "✓" : "…";
      const label = `${one.act ?? "unreadable"} from ${one.sender ?? "nobody knows"} to ${one.receiver}, ${bad ? `refused: ${one.why ?? one.label}` : one.what}`;
      const tip = until - way * 4;
      return html`<g class=${`say ${bad ? "bad" : ""}`} key=${one.key} tabindex="0" role="button" aria-pressed=${one.key === chosen} onClick=${() => onChoose(one.key)} onKeyDown=${(event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); onChoose(one.key); } }}>
        <title>${label}</title><rect class="hit" x="2" y=${y - 22} width=${width - 4} height=${STEP - 2} rx="6" /><text class="sub" x="10" y=${y + 2}>${moment(one.at)}</text>
        ${self ? html`<path d=${`M${from} ${y - 4}h34v14h-28`} />` : html`<line x1=${from} y1=${y} x2=${tip} y2=${y} />`}
        ${bad && !self ? html`<path d=${`M${tip - 6} ${y - 6}l12 12M${tip + 6} ${y - 6}l-12 12`} />` : html`<path class="head1" d=${self ? `M${from + 6} ${y + 10}l7 -4v8z` : `M${tip} ${y}l${-8 * way} -4.500v9z`} />`}
        <text class="act" x=${self ? from + 42 : (from + until) / 2} y=${y - 6} text-anchor=${self ? "start" : "middle"}>${mark} ${one.act ?? "unreadable"}</text>
        ${bad ? html`<text class="sub" x=${(from + until) / 2} y=${y + 14} text-anchor="middle">${cut(one.label ?? one.why ?? "", 30)}</text>` : null}
      </g>`;
    })}
  </svg></div>`;
}
