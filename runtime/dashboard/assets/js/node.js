// The node as the page knows it: what it offers, who looks at it, whether it answers. Answers are shared by whoever shows them, and nothing
// is asked while nobody looks.
import { signal, computed, useEffect, useState } from "./lib.js";
import { look, events, Gone, Refused } from "./contract.js";

/** `there`, `lost`, or `closed` for a browser that has no way in. */
export const link = signal("there");
/** Paths of the contract this node has; none until it has said so. */
export const paths = signal(null);
/** In whose name the page asks; undefined as long as that is not known, null on a node that does not say. */
export const who = signal(undefined);
/** What happened lately on the node, the newest first. */
export const lately = signal([]);

const LATELY_MAX = 400;

/** Whether the node has a path: true, false, or undefined as long as that is not known. */
export function offers(path, verb = "get") {
  const known = paths.value;
  return known === null ? undefined : Boolean(known[path]?.[verb]);
}

/** Whether a command takes a field; false as long as that is not known. */
export function takes(path, field) {
  const schema = paths.value?.[path]?.post?.requestBody?.content?.["application/json"]?.schema;
  return Boolean(schema?.properties?.[field]);
}

/** Whether whoever looks may have anything done. A node that does not say who asks knows its owner alone. */
export const mayChange = computed(() => who.value !== undefined && who.value?.scope !== "read");
/** Whether whoever looks decides in the owner's place. */
export const mayDecide = computed(() => who.value !== undefined && (who.value === null || who.value.scope === "admin"));

/** Answers by path. */
const answers = new Map();

function answer(path) {
  let known = answers.get(path);
  if (!known) {
    known = { path, value: signal(null), error: signal(null), lookers: 0, every: Infinity, timer: 0, under: null, fails: 0 };
    answers.set(path, known);
  }
  return known;
}

async function refresh(known) {
  clearTimeout(known.timer);
  if (known.under) { known.again = true; return; }
  known.under = new AbortController();
  const begun = performance.now();
  known.asked = begun;
  try {
    known.value.value = await look(known.path, known.under.signal);
    known.error.value = null;
    known.fails = 0;
    if (link.value !== "there") { link.value = "there"; revive(); }
  } catch (error) {
    if (error.name !== "AbortError") {
      known.fails += 1;
      known.error.value = error;
      if (error instanceof Gone) link.value = "lost";
      if (error instanceof Refused && error.status === 401) link.value = "closed";
    }
  }
  known.under = null;
  if (known.again) { known.again = false; refresh(known); return; }
  // A large answer is asked for seldom: looking shall cost the node little.
  known.took = performance.now() - begun;
  const again = known.error.value?.kind === "too_large" ? 60_000 : Math.min(5000, 400 * 2 ** known.fails);
  const wait = known.fails ? again : Math.max(known.every, known.took * 20);
  if (known.lookers && Number.isFinite(wait) && !document.hidden && link.value !== "closed") {
    known.timer = setTimeout(() => refresh(known), wait);
  }
}

/** Whatever is shown is asked for again, as after a command or a lost connection. */
export function revive(prefix = "") {
  const now = performance.now();
  for (const known of answers.values()) {
    if (!known.lookers || !known.path.startsWith(prefix)) continue;
    const soonest = (known.asked ?? 0) + Math.max(250, (known.took ?? 0) * 10);
    if (soonest <= now) { refresh(known); continue; }
    clearTimeout(known.timer);
    known.timer = setTimeout(() => refresh(known), soonest - now);
  }
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) revive(); });

/** The answer of a path as long as a view shows it, asked again every so often. No path, no question. */
export function useAnswer(path, every = Infinity) {
  const [, wake] = useState(0);
  useEffect(() => {
    if (!path) return undefined;
    const known = answer(path);
    known.lookers += 1;
    known.every = Math.min(known.every, every);
    refresh(known);
    const wakeUp = () => wake((n) => n + 1);
    const ends = [known.value.subscribe(wakeUp), known.error.subscribe(wakeUp)];
    return () => {
      ends.forEach((end) => end());
      known.lookers -= 1;
      if (!known.lookers) { clearTimeout(known.timer); known.under?.abort(); known.every = Infinity; }
    };
  }, [path, every]);
  const known = path ? answer(path) : null;
  return { value: known?.value.value ?? null, error: known?.error.value ?? null, refresh: () => known && refresh(known) };
}

/** Learns what the node offers; asked again until it has answered. */
export async function meet() {
  try {
    const [document, asker] = await Promise.all([look("/v1/openapi.json"), look("/v1/whoami").catch((error) => { if (error.status === 404) return null; throw error; })]);
    who.value = asker;
    paths.value = document.paths || {};
    link.value = "there";
  } catch (error) {
    link.value = error instanceof Refused && error.status === 401 ? "closed" : "lost";
    if (link.value === "lost") setTimeout(meet, 1500);
    return;
  }
  listen();
}

/** Grows whenever the node has told of something: whatever draws the tree looks anew. */
export const told = signal(0);
/** Whether the node tells by itself what happens. */
export const streams = signal(false);

/** All but messages, which are told to whoever looks at them. */
const KINDS = "agent,goal,approval,dead_letter,breaker,budget,audit";

let number = 0;
function listen() {
  if (!offers("/v1/events")) return;
  let soon = 0;
  events(`/v1/events?fresh=true&kinds=${KINDS}`, (name, event) => {
    lately.value = [{ key: ++number, name, body: event?.body ?? event }, ...lately.value].slice(0, LATELY_MAX);
    soon ||= setTimeout(() => { soon = 0; told.value += 1; revive(); }, 250);
  }, (open, closed) => {
    streams.value = open;
    if (closed && link.value !== "closed") setTimeout(listen, 2000);
  });
}
