// Canaries: marked rows that were followed through every hop.
import { useAsked } from "../api.js";
import { Chart } from "../chart.js";
import { html } from "../dom.js";
import { ago, duration, NONE, time, typed } from "../format.js";
import { Asked, Empty, Grid, Sentence, State } from "../parts.js";

const CHANGES = ["insert", "update", "delete"];
const hop = (run, change, place) => run.hops.find((each) => each.change === change && each.place === place)?.ms ?? null;

export function Canary() {
  const asked = useAsked("/api/canary", 10);
  return html`
    <h1>Canary</h1>
    <p>A marked row that was written, changed and deleted in PostgreSQL, and when it was seen at each place after the commit.</p>
    <${Asked} asked=${asked} what="the canaries">${({ runs }) => {
      if (!runs.length) return html`<${Empty}><p>No canary has flown yet. <code>${typed("canary")}</code> sends one.</p><//>`;
      const old = [...runs].sort((a, b) => a.at_ms - b.at_ms);
      const at = old.map((run) => run.at_ms);
      return html`
        ${old.length > 1 && html`<${Chart} title="Commit → Cassandra" at=${at} least=${10} shown=${duration} lines=${CHANGES.map((change) => ({ label: change, values: old.map((run) => hop(run, change, "cassandra")) }))} />`}
        <${Grid} label="Canaries, newest first" heads=${["began", "outcome", ...CHANGES.flatMap((change) => [`#${change} → Kafka`, `#${change} → Cassandra`]), "id", "reason"]}>
          ${[...old].reverse().map((run) => html`
            <tr key=${run.id}>
              <td class="when" title=${time(run.at_ms)}>${ago(run.at_ms)}</td>
              <td><${State} word=${run.succeeded ? "succeeded" : "failed"} /></td>
              ${CHANGES.flatMap((change) => ["kafka", "cassandra"].map((place) => html`<td class="number">${hop(run, change, place) == null ? NONE : duration(hop(run, change, place))}</td>`))}
              <td><code>${run.id}</code></td><td class="reason"><${Sentence} text=${run.reason} /></td>
            </tr>`)}
        <//>`;
    }}<//>`;
}
