// A question to an agent, and what it says.
import { html, useRef, useState } from "./lib.js";
import { command, part } from "./contract.js";
import { Problem } from "./pieces.js";

export function Asker({ agent }) {
  const [state, set] = useState({});
  const text = useRef(null);
  const ask = async (event) => {
    event.preventDefault();
    set({ busy: true });
    try {
      set({ said: await command(`/v1/agents/${part(agent)}/ask`, { content: text.current.value, deadline_ms: 60_000 }) });
    } catch (error) {
      set({ error });
    }
  };
  return html`<form class="stack" onSubmit=${ask}>
    <label>Ask it<textarea ref=${text} required placeholder="In plain words, or as JSON, whichever it takes"></textarea></label>
    <div class="row"><button class="main" disabled=${state.busy}>${state.busy ? "It is at it …" : "Ask"}</button></div>
    ${state.error && html`<${Problem} error=${state.error} />`}
    ${state.said && html`<div role="status"><p class="small muted">${state.said.agent} answers: ${state.said.act}</p><pre>${state.said.content}</pre></div>`}
  </form>`;
}
