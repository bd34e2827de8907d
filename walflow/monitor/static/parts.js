// Parts that several pages are made of.
import { hasToken, Refused, send } from "./api.js";
import { html, useEffect, useRef, useState } from "./dom.js";

const GOOD = ["ok", "running", "ready", "equal", "replayed", "reserved", "succeeded"];
const WAITING = ["behind", "paused", "held", "stopped", "unassigned", "restarting", "extended", "unreserved", "open", "could not tell", "unknown"];
const BAD = ["down", "failed", "different", "lost", "destroyed"];

/** A state as a coloured word: the word tells it too, not the colour alone. */
export function State({ word }) {
  const lower = String(word ?? "unknown").toLowerCase();
  const kind = GOOD.includes(lower) ? "good" : BAD.includes(lower) ? "bad" : WAITING.includes(lower) ? "waiting" : "plain";
  return html`<span class=${`state ${kind}`}><i></i>${lower}</span>`;
}

export function Op({ op }) {
  return html`<span class=${`op op-${op}`}>${op}</span>`;
}

/** A sentence of a refusal; words in backticks are commands. */
export function Sentence({ text }) {
  return String(text).split(/(`[^`]+`)/).map((part) =>
    part.startsWith("`") && part.endsWith("`") && part.length > 2 ? html`<code>${part.slice(1, -1)}</code>` : part);
}

export function Problem({ problem, again }) {
  if (!problem) return null;
  return html`
    <div class="note bad" role="alert">
      ${String(problem.message ?? problem).split("\n").map((line) => html`<p><${Sentence} text=${line} /></p>`)}
      ${again && html`<button type="button" onClick=${again}>Try again</button>`}
    </div>`;
}

export function Empty({ children }) {
  return html`<div class="note empty">${children}</div>`;
}

export function Loading({ what }) {
  return html`<div class="note loading" role="status">Reading ${what} …</div>`;
}

/** What was asked for: a problem, a wait, or what `children` makes of it; old values stay while new ones are read. */
export function Asked({ asked, what, children }) {
  return html`
    <${Problem} problem=${asked.problem} again=${asked.reload} />
    ${asked.value != null ? children(asked.value) : asked.problem ? null : html`<${Loading} what=${what} />`}`;
}

const said = { show: () => {} };

/** Tell what came of an action, in a corner that screen readers read out. */
export const tell = (text, kind = "good") => said.show({ text, kind });

export function Said() {
  const [message, setMessage] = useState(null);
  said.show = setMessage;
  useEffect(() => {
    if (!message || message.kind === "bad") return undefined;
    const timer = setTimeout(() => setMessage(null), 8000);
    return () => clearTimeout(timer);
  }, [message]);
  return html`
    <div class="said" role="status" aria-live="polite">
      ${message && html`
        <div class=${`note ${message.kind}`}>
          <p><${Sentence} text=${message.text} /></p>
          <button type="button" class="quiet" aria-label="Dismiss" onClick=${() => setMessage(null)}>×</button>
        </div>`}
    </div>`;
}

/** Do something that changes the pipeline; asks for the token where it is missing. Returns the answer, or null. */
export async function act(path, body, method) {
  try {
    return await send(path, body, method);
  } catch (problem) {
    if (problem.status === 401) document.dispatchEvent(new CustomEvent("walflow-locked"));
    else tell(problem instanceof Refused ? problem.message : `This page failed: ${problem.message}`, "bad");
    return null;
  }
}

/** A button of an action: busy while it is done, done once at a time. `sure` is asked by a second press. */
export function Act({ label, what, sure, kind = "", disabled = false }) {
  const [busy, setBusy] = useState(false);
  const [asked, setAsked] = useState(false);
  const alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);
  useEffect(() => {
    if (!asked) return undefined;
    const timer = setTimeout(() => setAsked(false), 4000);
    return () => clearTimeout(timer);
  }, [asked]);
  const press = async () => {
    if (sure && !asked && hasToken()) {
      setAsked(true);
      return;
    }
    setAsked(false);
    setBusy(true);
    try {
      await what();
    } finally {
      if (alive.current) setBusy(false);
    }
  };
  return html`
    <button type="button" class=${asked ? "danger" : kind} disabled=${disabled || busy} aria-busy=${busy} onClick=${press}>
      ${busy ? `${label} …` : asked ? sure : label}
    </button>`;
}

/** A figure with its name. */
export function Figure({ name, children, title }) {
  return html`<div class="figure" title=${title}><span>${name}</span><b>${children}</b></div>`;
}

/** A table that scrolls in itself where the screen is narrow. */
export function Grid({ heads, children, label }) {
  return html`
    <div class="grid" tabindex="0" role="region" aria-label=${label}>
      <table>
        <thead><tr>${heads.map((head) => html`<th scope="col" class=${head.startsWith("#") ? "number" : ""}>${head.replace(/^#/, "")}</th>`)}</tr></thead>
        <tbody>${children}</tbody>
      </table>
    </div>`;
}

export function Search({ value, onInput, what }) {
  return html`<input type="search" data-search value=${value} onInput=${(event) => onInput(event.target.value)} placeholder=${`Find ${what} ( / )`} aria-label=${`Find ${what}`} />`;
}

export const href = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;
