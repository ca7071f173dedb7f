// The node's figures as Prometheus reads them. Where a node serves none, there are none.
import { useEffect, useState } from "./lib.js";

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Samples by name: `{labels, value}`. */
export function samples(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    if (line.startsWith("#")) continue;
    const match = LINE.exec(line);
    if (!match) continue;
    const labels = Object.fromEntries([...(match[2] ?? "").matchAll(LABEL)].map(([, name, value]) => [name, value.replace(/\\(.)/g, "$1")]));
    const value = Number(match[3]);
    if (!found.has(match[1])) found.set(match[1], []);
    found.get(match[1]).push({ labels, value });
  }
  return found;
}

/** The value of a figure with these labels; undefined where there is none. */
export function figure(all, name, labels = {}) {
  return all?.get(name)?.find((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))?.value;
}

/** What a sum over a count comes to, such as of a histogram; undefined where nothing was counted. */
export function mean(all, name, labels = {}) {
  const count = figure(all, `${name}_count`, labels);
  const sum = figure(all, `${name}_sum`, labels);
  return count ? sum / count : undefined;
}

/** The figures, asked again every so often while somebody looks. */
export function useMetrics(every = 4000) {
  const [all, set] = useState(null);
  useEffect(() => {
    let timer = 0;
    let gone = false;
    const look = async () => {
      try {
        const response = await fetch("/metrics", { credentials: "same-origin" });
        if (!response.ok) return;
        const text = await response.text();
        if (!gone) set(samples(text));
      } catch { /* The rest of the page says that the node is gone. */ }
      if (!gone && !document.hidden) timer = setTimeout(look, every);
    };
    look();
    return () => { gone = true; clearTimeout(timer); };
  }, [every]);
  return all;
}
