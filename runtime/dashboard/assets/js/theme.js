// Light or dark, as the system says unless a person says otherwise. Remembered by this browser alone.
import { signal } from "./lib.js";

const KEY = "aios-theme";
const kept = () => { try { return localStorage.getItem(KEY) || ""; } catch { return ""; } };
export const theme = signal(kept());
const show = () => { if (theme.value) document.documentElement.dataset.theme = theme.value; else delete document.documentElement.dataset.theme; };
show();

export function turn() {
  theme.value = { "": "dark", dark: "light", light: "" }[theme.value];
  try { localStorage.setItem(KEY, theme.value); } catch { /* It lasts as long as the page, then. */ }
  show();
}
