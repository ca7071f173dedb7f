// placeholder until the demo is wired
import { html } from "./lib.js";
import { Head } from "./pieces.js";
export function Acts() { return html`<${Head} title="Demo" />`; }
