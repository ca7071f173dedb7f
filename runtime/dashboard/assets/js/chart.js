// Rates over time, drawn by uPlot; the same figures stand in words below, for whoever cannot see it.
import { html, useEffect, useRef, useState } from "./lib.js";
import { theme } from "./theme.js";
import { amount, moment } from "./words.js";

/** Loaded when it is needed first: no other view draws a chart. */
let drawer = null;
const COLOURS = ["--accent", "--bad", "--warn", "--calm"];
const DASHES = [[], [6, 4], [2, 3], [10, 4, 2, 4]];

export function Chart({ at, lines }) {
  const box = useRef(null);
  const plot = useRef(null);
  const [ready, set] = useState(Boolean(drawer));
  useEffect(() => { if (!drawer) import("../vendor/uplot.js").then((module) => { drawer = module.default; set(true); }); }, []);
  useEffect(() => {
    if (!ready) return undefined;
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    const made = new drawer({
      width: Math.max(260, box.current.clientWidth), height: 260, legend: { show: false }, cursor: { y: false },
      scales: { y: { range: (_, low, high) => [0, Math.max(1, high)] } },
      axes: [{ ...axis, space: 90, values: (_, ticks) => ticks.map((tick) => moment(tick * 1000)) }, { ...axis, size: 56, values: (_, ticks) => ticks.map(amount) }],
      series: [{}, ...lines.map(([label], index) => ({ label, stroke: colour(COLOURS[index]), width: 1.8, dash: DASHES[index], fill: index === 0 ? colour("--accent-soft") : undefined, points: { show: false } }))],
    }, [at, ...lines.map(([, values]) => values)], box.current);
    plot.current = made;
    const watcher = new ResizeObserver(() => made.setSize({ width: Math.max(260, box.current?.clientWidth ?? 260), height: 260 }));
    watcher.observe(box.current);
    return () => { watcher.disconnect(); made.destroy(); plot.current = null; };
  }, [ready, theme.value]);
  useEffect(() => { plot.current?.setData([at, ...lines.map(([, values]) => values)]); }, [at]);
  return html`<div ref=${box} class="plot" role="img" aria-label=${lines.map(([label, values]) => `${label}: ${amount(values.at(-1))} a second`).join(", ")}></div>
    <ul class="row small">${lines.map(([label, values], index) => html`<li class="row"><svg width="26" height="8" aria-hidden="true"><path d="M0 4H26" stroke=${`var(${COLOURS[index]})`} stroke-width="2" stroke-dasharray=${DASHES[index].join(" ")} /></svg>${label} <strong class="num">${amount(values.at(-1))}/s</strong></li>`)}</ul>`;
}
