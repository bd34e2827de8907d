// Parts that several pages are made of.
import { hasToken, Refused, send } from "./api.js";
import { html, signal, useEffect, useRef, useSignal, useState } from "./dom.js";

const GOOD = ["ok", "running", "ready", "equal", "replayed", "reserved", "succeeded", "stable"];
const WAITING = ["behind", "paused", "held", "stopped", "unassigned", "restarting", "extended", "unreserved", "open", "could not tell", "unknown", "preparingrebalance", "completingrebalance"];
const BAD = ["down", "failed", "different", "lost", "destroyed", "dead"];

/** A state as a coloured word: the word tells it too, not the colour alone. */
export function State({ word, title }) {
  const lower = String(word ?? "unknown").toLowerCase();
  const kind = GOOD.includes(lower) ? "good" : BAD.includes(lower) ? "bad" : WAITING.includes(lower) ? "waiting" : "plain";
  return html`<span class=${`state ${kind}`} title=${title}><i></i>${lower}</span>`;
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

/** Tell what came of an action, in a corner that screen readers read out; Esc dismisses it. */
export const tell = (text, kind = "good") => said.show({ text, kind });

export function Said() {
  const [message, setMessage] = useState(null);
  said.show = setMessage;
  useSignal("escape", () => setMessage(null));
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
  if (!hasToken()) {
    signal("locked", null);
    return null;
  }
  try {
    return await send(path, body, method);
  } catch (problem) {
    if (problem.status === 401) signal("locked", problem);
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

/**
 * A table; where the screen is narrow, a card for each row, whose cells tell their column themselves.
 * heads: a # before one means a column of numbers.
 */
export function Grid({ heads, children, label }) {
  const table = useRef(null);
  const names = heads.map((head) => head.replace(/^#/, ""));
  useEffect(() => {
    for (const row of table.current.tBodies[0].rows) {
      // Roles, because a browser takes them from a table that is laid out as cards.
      row.setAttribute("role", "row");
      [...row.cells].forEach((cell, number) => {
        cell.dataset.head = names[number];
        cell.setAttribute("role", cell.scope ? "rowheader" : "cell");
      });
    }
  });
  return html`
    <div class="grid" tabindex="0" role="region" aria-label=${label}>
      <table role="table" ref=${table}>
        <thead role="rowgroup"><tr role="row">${names.map((name, number) => html`<th scope="col" role="columnheader" class=${heads[number] === name ? "" : "number"}>${name}</th>`)}</tr></thead>
        <tbody role="rowgroup">${children}</tbody>
      </table>
    </div>`;
}

/** Parts of a page of which one is shown. tabs: [[key, name]]; the arrow keys go from one to the next. */
export function Tabs({ label, tabs, chosen, choose, children }) {
  const list = useRef(null);
  const step = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = (tabs.findIndex(([key]) => key === chosen) + by + tabs.length) % tabs.length;
    choose(tabs[next][0]);
    list.current.children[next].focus();
  };
  return html`
    <div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${step}>
      ${tabs.map(([key, name]) => html`
        <button type="button" role="tab" id=${`tab-${key}`} aria-controls="panel" aria-selected=${chosen === key} onClick=${() => choose(key)}>${name}</button>`)}
    </div>
    <div role="tabpanel" id="panel" aria-labelledby=${`tab-${chosen}`}>${children}</div>`;
}

export function Search({ value, onInput, what }) {
  return html`<input type="search" data-search value=${value} onInput=${(event) => onInput(event.target.value)} placeholder=${`Find ${what} ( / )`} aria-label=${`Find ${what}`} />`;
}

export const href = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;
