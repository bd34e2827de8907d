// Verify: PostgreSQL's rows against Cassandra's, the last result and a new one.
import { useAsked } from "../api.js";
import { html, useState } from "../dom.js";
import { ago, count, duration, plural, time, value } from "../format.js";
import { useLive } from "../live.js";
import { Act, act, Asked, Empty, Grid, Sentence, State } from "../parts.js";

function Differences({ result }) {
  const total = result.missing + result.different + result.extra;
  if (!result.differences.length) return null;
  const rows = result.differences.flatMap((each) => {
    const key = Object.entries(each.key).map(([name, text]) => `${name}=${text ?? "null"}`).join(", ");
    const columns = Object.entries(each.columns);
    return columns.length ? columns.map(([name, sides]) => [each.kind, key, name, sides]) : [[each.kind, key, "", null]];
  });
  return html`
    <h3>${result.table}</h3>
    ${total > result.differences.length && html`<p class="muted">${plural(result.differences.length, "row")} of ${count(total)} shown.</p>`}
    <${Grid} label=${`Differences of ${result.table}`} heads=${["kind", "key", "column", "PostgreSQL", "Cassandra"]}>
      ${rows.map(([kind, key, column, sides]) => html`
        <tr><td><span class=${`op op-${kind}`}>${kind}</span></td><td>${key}</td><td>${column}</td>
          <td class="new">${sides ? value(sides.postgresql) : kind === "extra" ? "no row" : ""}</td><td class="old">${sides ? value(sides.cassandra) : kind === "missing" ? "no row" : ""}</td></tr>`)}
    <//>
    <p>Mend them with <code>walflow repair ${result.table}</code>.</p>`;
}

const HEADS = ["table", "target", "verdict", "#rows", "#missing", "#different", "#extra", "#took"];

function Results({ run }) {
  return html`
    <p class="muted">Ended ${time(run.ended_at_ms)}, ${ago(run.ended_at_ms)}; took ${duration(run.ended_at_ms - run.began_at_ms)}.</p>
    <${Grid} label="Tables" heads=${HEADS}>
      ${run.results.map((each) => html`
        <tr key=${each.table}><td>${each.table}</td><td>${each.target}</td><td><${State} word=${each.verdict} /></td><td class="number">${count(each.source_rows)}</td>
          <td class="number">${count(each.missing)}</td><td class="number">${count(each.different)}</td><td class="number">${count(each.extra)}</td><td class="number">${duration(each.seconds * 1000)}</td></tr>`)}
    <//>
    ${run.results.map((each) => html`
      ${each.unknown && html`<div class="note waiting"><p>${each.table}: <${Sentence} text=${each.unknown} /></p></div>`}
      ${each.notes.map((note) => html`<p class="muted">${each.table}: ${note}</p>`)}`)}
    ${run.results.some((each) => each.differences.length) && html`<h2>Rows that differ</h2>`}
    ${run.results.map((each) => html`<${Differences} key=${each.table} result=${each} />`)}`;
}

function Elsewhere({ last }) {
  return html`
    <p class="muted">By <code>walflow verify</code>, ended ${time(last.at_ms)}, ${ago(last.at_ms)}; took ${duration(last.seconds * 1000)}${last.is_partial ? "; only some rows were compared" : ""}.</p>
    <${Grid} label="Tables" heads=${["table", "verdict", "#rows", "#missing", "#different", "#extra", ""]}>
      ${last.tables.map((each) => html`
        <tr key=${each.table}><td>${each.table}</td><td><${State} word=${each.verdict} /></td><td class="number">${count(each.rows)}</td><td class="number">${count(each.missing)}</td>
          <td class="number">${count(each.different)}</td><td class="number">${count(each.extra)}</td><td>${each.note}</td></tr>`)}
    <//>
    ${last.verdict === "different" && html`<p>Compare here to see the rows.</p>`}`;
}

function Last({ state, last }) {
  const run = state.run;
  if (state.is_running) return html`<div class="note loading" role="status">Comparing ${run.tables.length ? run.tables.join(", ") : "all captured tables"} for ${duration(Date.now() - run.began_at_ms)} …</div>`;
  const newer = last && (!run || last.at_ms > run.ended_at_ms + 2000);
  if (newer || (run?.problem && last)) {
    return html`${run?.problem && !newer && html`<div class="note bad" role="alert"><p><${Sentence} text=${run.problem} /></p></div>`}<${Elsewhere} last=${last} />`;
  }
  if (run?.problem) return html`<div class="note bad" role="alert"><p><${Sentence} text=${run.problem} /></p></div>`;
  if (run) return html`<${Results} run=${run} />`;
  return html`<${Empty}><p>Nothing was compared yet. The button above compares while changes flow; <code>walflow verify</code> does the same in a terminal.</p><//>`;
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
      <${Last} state=${state} last=${reading?.last_verify} />`}<//>`;
}
