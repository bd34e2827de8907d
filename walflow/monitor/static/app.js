// The frame: pages by the address behind #, shortcuts, theme, token.
import { get, hasToken, takeToken, tryToken } from "./api.js";
import { html, render, signal, useEffect, useErrorBoundary, useRef, useSignal, useState } from "./dom.js";
import { typed } from "./format.js";
import { LIST, listen } from "./keys.js";
import { useLive, watch } from "./live.js";
import { Problem, Said } from "./parts.js";
import { Canary } from "./pages/canary.js";
import { Connectors } from "./pages/connectors.js";
import { DeadLetters } from "./pages/deadletters.js";
import { Pipeline } from "./pages/pipeline.js";
import { Schemas } from "./pages/schemas.js";
import { Topics } from "./pages/topics.js";
import { Verify } from "./pages/verify.js";

const PAGES = [
  ["", "Pipeline", Pipeline],
  ["topics", "Topics", Topics],
  ["connectors", "Connectors", Connectors],
  ["schemas", "Schemas", Schemas],
  ["deadletters", "Dead letters", DeadLetters],
  ["verify", "Verify", Verify],
  ["canary", "Canary", Canary],
];
const THEME = "walflow-theme";
const STALE_MS = 20000;

function changeTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem(THEME, root.dataset.theme);
  signal("theme");
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // typed by hand, with a % that begins nothing
  }
}

const toContent = () => document.getElementById("content")?.focus({ preventScroll: true });

function useAddress() {
  const read = () => location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  const [address, setAddress] = useState(read);
  useEffect(() => {
    const changed = (event) => {
      takeToken(event.newURL);
      setAddress(read());
      scrollTo(0, 0);
      toContent(); // the link that was followed may be gone, and what had the focus with it
    };
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return address;
}

function Dialog({ open, close, label, children }) {
  const element = useRef(null);
  useEffect(() => {
    if (open && !element.current.open) element.current.showModal();
    if (!open && element.current.open) element.current.close();
  }, [open]);
  return html`<dialog ref=${element} aria-label=${label} onClose=${close} onClick=${(event) => event.target === element.current && close()}>${open && children}</dialog>`;
}

/** why: what was refused for want of the token; null where somebody only wants to allow changes. */
function Unlock({ why, done }) {
  const [problem, setProblem] = useState(why);
  const submit = async (event) => {
    event.preventDefault();
    try {
      await tryToken(new FormData(event.target).get("token"));
      done();
    } catch (wrong) {
      setProblem(wrong);
    }
  };
  return html`
    <form class="stack" onSubmit=${submit}>
      <h2>Allow changes</h2>
      <p>Looking needs nothing; whatever changes the pipeline needs the token. <code>${typed("monitor")}</code> prints a link that brings it along, <code>${typed("monitor --token")}</code> the token alone.</p>
      <label>Token <input name="token" type="password" autocomplete="off" required autofocus /></label>
      <${Problem} problem=${problem} />
      <div class="actions"><button class="primary">Allow</button><button type="button" onClick=${done}>Cancel</button></div>
    </form>`;
}

function Health() {
  const { state, reading } = useLive();
  const [, draw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => draw((n) => n + 1), STALE_MS / 3);
    return () => clearInterval(timer);
  }, []);
  if (state === "away") return html`<span class="state bad" title=${`The monitor does not answer; ${typed("up monitor")} starts it.`}><i></i>away</span>`;
  if (!reading) return html`<span class="state waiting"><i></i>connecting</span>`;
  if (Date.now() - reading.taken_at_ms > STALE_MS) return html`<span class="state waiting" title=${`${typed("logs monitor")} tells why`}><i></i>no new figures</span>`;
  const kind = reading.is_healthy ? "good" : "bad";
  return html`<span class=${`state ${kind}`}><i></i>${reading.is_healthy ? "healthy" : "not healthy"}</span>`;
}

/** A page; what goes wrong in it leaves the frame and the other pages alone. */
function Shown({ Page, path }) {
  const [problem, again] = useErrorBoundary((wrong) => console.error(wrong));
  if (problem) return html`<${Problem} problem=${`This page cannot show what it got: ${problem.message}.`} again=${again} />`;
  return html`<${Page} path=${path} />`;
}

function App() {
  const [page, ...rest] = useAddress();
  const [about, setAbout] = useState(null);
  const [help, setHelp] = useState(false);
  const [unlocking, setUnlocking] = useState(null);
  useEffect(() => {
    get("/api/about").then(setAbout, () => {});
    listen(PAGES.map(([path]) => `#/${path}`), () => setHelp(true), changeTheme);
  }, []);
  useSignal("locked", (why) => setUnlocking({ why }));
  const [, title, Page] = PAGES.find(([path]) => path === page) || ["", "Not found", null];
  useEffect(() => { document.title = `${rest[0] ? `${rest[0]} – ` : ""}${title} – walflow`; }, [title, rest[0]]);
  return html`
    <a class="skip" href="#content" onClick=${(event) => { event.preventDefault(); toContent(); }}>To the content</a>
    <header>
      <a class="brand" href="#/" aria-label="walflow"><img src="/static/icon.svg" alt="" width="22" height="22" /><span>walflow</span></a>
      <nav aria-label="Pages">
        ${PAGES.map(([path, name], number) => html`
          <a href=${`#/${path}`} aria-current=${path === page ? "page" : null} title=${`Key ${number + 1}`}>${name}</a>`)}
      </nav>
      <div class="tools">
        <${Health} />
        <button type="button" class="quiet" onClick=${() => setUnlocking({ why: null })} title=${hasToken() ? "Changes are allowed here" : "Changes need the token"}>${hasToken() ? "changes allowed" : "read only"}</button>
        <button type="button" class="quiet" onClick=${changeTheme} aria-label="Light or dark" title="Light or dark ( t )">◐</button>
        <button type="button" class="quiet" onClick=${() => setHelp(true)} aria-label="Shortcuts" title="Shortcuts ( ? )">?</button>
      </div>
    </header>
    <main tabindex="-1" id="content">
      ${Page ? html`<${Shown} key=${page} Page=${Page} path=${rest} />` : html`<h1>There is no such page</h1><p>The pages are above.</p>`}
    </main>
    <footer>
      ${about && html`
        <span>walflow ${about.version}, ${about.mode} mode</span>
        ${Object.entries(about.links).map(([name, url]) => html`<a href=${url} rel="noreferrer" target="_blank">${name}</a>`)}`}
    </footer>
    <${Said} />
    <${Dialog} open=${help} close=${() => setHelp(false)} label="Shortcuts">
      <h2>Shortcuts</h2>
      <dl class="keys">${LIST.map(([key, what]) => html`<dt><kbd>${key}</kbd></dt><dd>${what}</dd>`)}</dl>
      <div class="actions"><button type="button" onClick=${() => setHelp(false)}>Close</button></div>
    <//>
    <${Dialog} open=${unlocking !== null} close=${() => setUnlocking(null)} label="Allow changes">
      <${Unlock} why=${unlocking?.why} done=${() => setUnlocking(null)} />
    <//>`;
}

takeToken();
watch();
render(html`<${App} />`, document.getElementById("app"));
