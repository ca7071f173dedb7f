// A supervision tree as the lines that are shown. Nothing of the page is touched here.
import { ending, millis } from "./words.js";

/** A whole tree as the lines that a page of it is told in. */
export function linesOf(tree) {
  const root = { path: tree.path, id: tree.path, level: 0, state: tree.state, incarnation: 1, since_ms: millis(tree.uptime), restarts: 0, supervisor: part(tree) };
  const lines = [root];
  const visit = (below, path, level) => {
    for (const child of below.children) {
      const own = `${path}/${child.id}`;
      lines.push({
        path: own, id: child.id, level, state: child.state, restart: child.restart, incarnation: child.incarnation, since_ms: millis(child.since), restarts: child.restarts,
        backoff_left_ms: child.backoff_left ? millis(child.backoff_left) : undefined, last_exit: ending(child.last_exit) || undefined,
        supervisor: child.supervisor ? part(child.supervisor) : undefined, mailbox: child.mailbox ?? undefined, note: child.note ?? undefined,
      });
      if (child.supervisor) visit(child.supervisor, own, level + 1);
    }
  };
  visit(tree, tree.path, 1);
  return lines;
}

function part(tree) {
  return { strategy: tree.strategy, restarts_counted: tree.restarts, restarts_allowed: tree.intensity.restarts, window_ms: millis(tree.intensity.within), children: tree.children.length + tree.omitted, active: tree.counts.active };
}

/** What an agent is doing: its own word where it has one that says more than that it runs. */
export const stateOf = (line) => (line.state === "running" && line.agent?.state && line.agent.state !== "active" ? line.agent.state : line.state);

/** Whether there is something to look at: it is down, was brought back, or has too much to do. */
export function troubled(line) {
  const state = stateOf(line);
  return line.restarts > 0 || !["running", "starting", "waiting", "finished"].includes(state) || Boolean(line.mailbox?.capacity && line.mailbox.queued / line.mailbox.capacity > 0.6);
}

/** Whether each of the words stands somewhere in a line. */
export function matches(line, words) {
  const text = `${line.id} ${stateOf(line)} ${line.restart ?? ""} ${line.agent?.role ?? ""} ${line.note ?? ""} ${line.last_exit ?? ""}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

/** Those that fit, and the supervisors that lead to them. */
export function filtered(lines, { search = "", only = "" }) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length && !only) return { lines, hits: lines.length };
  const fits = (line) => matches(line, words) && (!only || (only === "troubled" ? troubled(line) : stateOf(line) === only));
  const wanted = new Set();
  const above = [];
  let hits = 0;
  for (const line of lines) {
    above.length = line.level;
    if (fits(line)) {
      hits += 1;
      above.forEach((one) => wanted.add(one));
      wanted.add(line);
    }
    above[line.level] = line;
  }
  return { lines: lines.filter((line) => wanted.has(line)), hits };
}

/** Lines without those below a supervisor that is folded. */
export function unfolded(lines, folded) {
  if (!folded.size) return lines;
  let hidden = Infinity;
  return lines.filter((line) => {
    if (line.level > hidden) return false;
    hidden = folded.has(line.path) ? line.level : Infinity;
    return true;
  });
}

/** For each line, for each level down to its own: whether nothing follows there any more. */
export function twigs(lines) {
  const found = new Array(lines.length);
  const more = [];
  for (let at = lines.length - 1; at >= 0; at -= 1) {
    const { level } = lines[at];
    more.length = Math.max(more.length, level + 1);
    const own = [];
    for (let depth = 1; depth <= level; depth += 1) own.push(!more[depth]);
    found[at] = own;
    more.fill(false, level + 1);
    more[level] = true;
  }
  return found;
}
