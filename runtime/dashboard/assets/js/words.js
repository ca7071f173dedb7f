// How states, times and amounts are written. A state has a sign and a word; its colour only repeats them.

const STATES = {
  running: ["●", "ok"], active: ["●", "ok"], idle: ["○", "ok"], ready: ["●", "ok"], closed: ["●", "ok"], completed: ["✓", "ok"], approved: ["✓", "ok"], answered: ["✓", "ok"], accepted: ["✓", "ok"], verified: ["✓", "ok"],
  starting: ["◐", "live"], at_work: ["◐", "live"], busy: ["◐", "live"], under_way: ["◐", "live"],
  waiting: ["◌", "calm"], pending: ["◌", "calm"], stopped: ["■", "calm"], finished: ["✓", "calm"], cancelled: ["⊘", "calm"], paused: ["‖", "warn"], suspended: ["‖", "warn"], down: ["✕", "bad"],
  backoff: ["↻", "warn"], retrying: ["↻", "warn"], stopping: ["◑", "warn"], draining: ["◑", "warn"], interrupted: ["⚡", "warn"], partial: ["◒", "warn"], unverified: ["?", "warn"], open: ["!", "warn"], "half-open": ["◑", "warn"], half_open: ["◑", "warn"],
  failed: ["✕", "bad"], parked: ["✕", "bad"], refused: ["✕", "bad"], rejected: ["✕", "bad"], expired: ["⌛", "bad"], "safe-mode": ["✕", "bad"], unanswered: ["✕", "bad"], left: ["⊘", "calm"],
};

/** Sign and tone of a state. */
export function sign(state) {
  const [glyph, tone] = STATES[state] || ["·", "calm"];
  return { glyph, tone };
}

export const say = (word) => String(word ?? "").replaceAll("_", " ");

/** A number as a person reads it. */
export function amount(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toFixed(value >= 1e7 ? 0 : 1)} M`;
  if (Math.abs(value) >= 1e4) return `${(value / 1e3).toFixed(value >= 1e5 ? 0 : 1)} k`;
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
}

/** Milliseconds as a length of time. */
export function span(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return "–";
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60 ? `${s % 60} s` : ""}`.trim();
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** What Rust writes a duration as, in milliseconds. */
export function millis(duration) {
  if (duration === null || duration === undefined) return null;
  if (typeof duration === "number") return duration;
  return duration.secs * 1000 + duration.nanos / 1e6;
}

/** A moment; the whole of it stands in the title of whoever shows it. */
export function moment(at) {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? String(at ?? "") : time.toLocaleTimeString([], { hour12: false });
}

/** How something ended: `killed`, or `failed: why`. */
export function ending(exit) {
  if (!exit) return "";
  if (typeof exit === "string") return exit;
  const [[kind, why]] = Object.entries(exit);
  return why ? `${kind}: ${why}` : kind;
}

/** The short name of an agent: what tells it from the others. */
export const brief = (agent) => String(agent ?? "").replace(/@local$/, "");

/** So many of something. */
export const count = (n, one, many = `${one}s`) => `${amount(n)} ${n === 1 ? one : many}`;

/** A sentence as it stands alone. */
export function sentence(text, end = ".") {
  const plain = String(text ?? "");
  return plain.charAt(0).toUpperCase() + plain.slice(1) + (/[.!?:]$/.test(plain) ? "" : end);
}
