// The node's contract as the page speaks it: JSON over HTTP, and events. Nothing else is asked, and of nobody else.

/** Why the node did not do it, in its own words. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.message || body?.title || `the node answered ${status}`);
    this.status = status;
    this.kind = body?.kind || "failed";
    this.whatToDo = body?.what_to_do || "";
  }
}

/** The node was not reached. */
export class Gone extends Error {
  constructor() { super("the node does not answer"); this.kind = "gone"; this.whatToDo = "it is tried again by itself"; }
}

async function send(path, init) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-cache", ...init });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Gone();
  }
  if (response.ok) return response;
  let body = null;
  try { body = await response.json(); } catch { /* What is said without words has its number. */ }
  throw new Refused(response.status, body);
}

/** A query. */
export async function look(path, signal) {
  return (await send(path, { signal })).json();
}

/** A command. Its key makes it safe that a browser or a person sends it twice. */
export async function command(path, body = {}, key = crypto.randomUUID()) {
  const headers = { "content-type": "application/json", "idempotency-key": key };
  const response = await send(path, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/** A part of a path. */
export const part = encodeURIComponent;

/** Events from a path, by name; goes on by itself where it broke off. Returns how it is ended. */
export function events(path, heard, state = () => {}) {
  const names = ["task", "agent", "text", "answer", "refused", "other", "reset", "gap", "end", "goal", "message", "approval", "dead_letter", "breaker", "budget", "audit", "tree"];
  const source = new EventSource(path);
  for (const name of names) {
    source.addEventListener(name, (event) => {
      if (name === "end") source.close();
      let body = null;
      try { body = JSON.parse(event.data); } catch { return; }
      heard(name, body);
    });
  }
  source.onopen = () => state(true);
  source.onerror = () => state(false, source.readyState === EventSource.CLOSED);
  return () => source.close();
}
