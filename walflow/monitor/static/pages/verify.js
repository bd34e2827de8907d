// Verify: PostgreSQL's rows against Cassandra's, the last results and a new one.
import { useAsked } from "../api.js";
import { html, useState } from "../dom.js";
import { ago, count, duration, plural, time, typed, value } from "../format.js";
import { useLive } from "../live.js";
import { Act, act, Asked, Empty, Grid, Sentence, State } from "../parts.js";

function Differences({ result }) {
  const total = result.missing + result.different + result.extra;
  if (!result.differences.length) return null;
  const rows = result.differences.flatMap(({ kind, key, columns }) =>
    columns.length ? columns.map((cell) => [kind, key, cell]) : [[kind, key, null]]);
  return html`
    <h3>${result.table}</h3>
    ${total > result.differences.length && html`<p class="muted">${plural(result.differences.length, "row")} of ${count(total)} shown; <code>${typed(`verify ${result.table}`)}</code> prints more.</p>`}
    <${Grid} label=${`Differences of ${result.table}`} heads=${["kind", "key", "column", "PostgreSQL", "Cassandra"]}>
      ${rows.map(([kind, key, cell]) => html`
        <tr><td><span class=${`op op-${kind}`}>${kind}</span></td><td>${key}</td><td>${cell?.column ?? ""}</td>
          <td class="new">${cell ? value(cell.source) : kind === "extra" ? "no row" : "the row"}</td>
          <td class="old">${cell ? value(cell.target) : kind === "missing" ? "no row" : "the row"}</td></tr>`)}
    <//>
    <p><code>${typed(`repair ${result.table}`)}</code> mends them.</p>`;
}

function Result({ result }) {
  return html`
    <p class="muted">Ended ${time(result.at_ms)}, ${ago(result.at_ms)}; took ${duration(result.seconds * 1000)}${result.is_partial ? "; only some rows were compared" : ""}.</p>
    <${Grid} label="Tables" heads=${["table", "verdict", "#rows", "#missing", "#different", "#extra", "note"]}>
      ${result.tables.map((each) => html`
        <tr key=${each.table}><td>${each.table}</td><td><${State} word=${each.verdict} /></td><td class="number">${count(each.rows)}</td><td class="number">${count(each.missing)}</td>
          <td class="number">${count(each.different)}</td><td class="number">${count(each.extra)}</td><td class="reason"><${Sentence} text=${each.note} /></td></tr>`)}
    <//>
    ${result.tables.some((each) => each.differences.length) && html`<h2>Rows that differ</h2>`}
    ${result.tables.map((each) => html`<${Differences} key=${each.table} result=${each} />`)}`;
}

function Last({ state }) {
  const { run, results } = state;
  const newest = [...results].reverse();
  if (state.is_running) return html`<div class="note loading" role="status">Comparing ${run.tables.length ? run.tables.join(", ") : "all captured tables"} for ${duration(Date.now() - run.began_at_ms)} …</div>`;
  return html`
    ${run?.problem && html`<div class="note bad" role="alert"><p><${Sentence} text=${run.problem} /></p></div>`}
    ${newest.length ? html`<h2>Last result</h2><${Result} result=${newest[0]} />`
      : html`<${Empty}><p>Nothing was compared yet. The button above compares while changes flow; <code>${typed("verify")}</code> does the same in a terminal.</p><//>`}
    ${newest.length > 1 && html`
      <h2>Earlier results</h2>
      ${newest.slice(1).map((each) => html`
        <details class="version" key=${each.at_ms}><summary data-row><${State} word=${each.verdict} /> <span class="muted">${time(each.at_ms)}, ${plural(each.tables.length, "table")}${each.is_partial ? ", some rows only" : ""}</span></summary>
          <${Result} result=${each} /></details>`)}`}`;
}

export function Verify() {
  const { reading } = useLive();
  const [chosen, setChosen] = useState("");
  const asked = useAsked("/api/verify", 2);
  const tables = (reading?.tables || []).map((table) => table.table);
  const start = async () => {
    await act("/api/verify", JSON.stringify(chosen ? [chosen] : []));
    asked.reload();
  };
  const stop = async () => {
    await act("/api/verify", undefined, "DELETE");
    asked.reload();
  };
  return html`
    <h1>Verify</h1>
    <p>Every row and column of PostgreSQL against Cassandra, while changes flow.</p>
    <${Asked} asked=${asked} what="the last comparison">${(state) => html`
      <div class="bar">
        <label>Tables<select value=${chosen} onChange=${(event) => setChosen(event.target.value)}><option value="">all captured</option>${tables.map((table) => html`<option value=${table}>${table}</option>`)}</select></label>
        <${Act} label="Compare" kind="primary" what=${start} disabled=${state.is_running} />
        ${state.is_running && html`<${Act} label="Stop" what=${stop} />`}
        <span class="muted">It takes CPU from the pipeline, and is stopped after ${duration(state.max_seconds * 1000)}.</span>
      </div>
      <${Last} state=${state} />`}<//>`;
}
