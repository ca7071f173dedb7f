// Starts the page: who may come in, what the node offers, and the view the address names.
import { html, render } from "./lib.js";
import { address } from "./address.js";
import { link, meet, revive } from "./node.js";
import { Shell } from "./shell.js";
import { Confirm, Toasts } from "./pieces.js";

function Gate() {
  return html`<main class="gate" id="main"><div class="card">
    <h1>This page opens by its link</h1>
    <p>The node does not know this browser, or was started anew since. Open the link that the node printed when it started; it ends in <code>?token=…</code></p>
    <p class="muted">No account and no password: whoever can read your terminal can open the page. If the link has scrolled away, stop the node and start it again:</p>
    <pre>aios serve</pre>
    <div class="row"><button class="main" onClick=${() => { link.value = "there"; meet(); revive(); }}>Try again</button></div>
  </div></main>`;
}

function App() {
  if (link.value === "closed") return html`<${Gate} />`;
  return html`<${Shell} at=${address.value} /><${Confirm} /><${Toasts} />`;
}

meet();
render(html`<${App} />`, document.getElementById("app"));
