// Rates, from what two looks at the node differ by. A few minutes are kept, by the page alone.
import { signal } from "./lib.js";

const KEPT_MAX = 240;
/** Moments in seconds since 1970, and the rates of each. */
export const history = signal({ at: [], sent: [], refused: [], restarts: [], letters: [] });
export const rates = signal({ sent: null, refused: null, restarts: null });
let last = null;

export function keep(view) {
  const now = { at: Date.now() / 1000, sent: view.messages.sent, refused: view.messages.refused, restarts: view.restarts, letters: view.dead_letters };
  if (last && now.at - last.at > 0.4) {
    const seconds = now.at - last.at;
    // A node that was started anew counts from zero.
    const rate = (name) => Math.max(0, now[name] - last[name]) / seconds;
    const found = { sent: rate("sent"), refused: rate("refused"), restarts: rate("restarts"), letters: rate("letters") };
    rates.value = found;
    const past = history.value;
    const next = { at: [...past.at, now.at].slice(-KEPT_MAX) };
    for (const name of ["sent", "refused", "restarts", "letters"]) next[name] = [...past[name], found[name]].slice(-KEPT_MAX);
    history.value = next;
  }
  if (!last || now.at - last.at > 0.4) last = now;
}
