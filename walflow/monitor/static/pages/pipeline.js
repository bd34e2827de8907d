// The pipeline as a picture: every stage with its rate and its lag, and the one that holds things up.
import { Chart } from "../chart.js";
import { ago, bytes, count, duration, NONE, rate, time, typed } from "../format.js";
import { html } from "../dom.js";
import { useLive } from "../live.js";
import { Empty, Grid, href, Loading, Sentence, State } from "../parts.js";

const away = (part) => part?.unreachable;
const sum = (values) => values.reduce((total, value) => (value == null ? total : (total ?? 0) + value), null);

function Node({ name, state, stage, link, figures, problem, held }) {
  return html`
    <section class=${`node ${state} ${held ? "blocking" : ""}`} aria-label=${name}>
      <h2>${link ? html`<a href=${link} data-row>${name}</a>` : name}</h2>
      <${State} word=${state} />
      ${problem
        ? html`<p class="why"><${Sentence} text=${problem} /></p>`
        : html`<dl>${figures.map(([label, value, title]) => html`<div title=${title}><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>`}
      ${held && html`<p class="stage">holds things up (${stage})</p>`}
    </section>`;
}

const Arrow = ({ text, what }) => html`<div class="arrow" title=${what}><b>${text}</b><i aria-hidden="true"></i></div>`;

function picture(reading) {
  const stages = Object.fromEntries(reading.stages.map((stage) => [stage.name, stage]));
  const first = reading.stages.find((stage) => stage.state !== "ok");
  const stage = (name) => stages[name] || { state: "unknown" };
  const { source, connectors, broker, stream, tables } = reading;
  const slot = away(source) ? null : source.slots.find((one) => one.is_captures);
  const writes = away(source) ? null : sum(source.ingest.writes.map((one) => one.per_second));
  const capturing = away(connectors) ? null : connectors.find((one) => one.captures);
  const others = away(connectors) ? 0 : connectors.length - (capturing ? 1 : 0);
  const captured = away(broker) ? [] : broker.topics.filter((topic) => topic.table);
  const held = (name) => first?.name === name;
  const said = (part) => part?.unreachable && `It does not answer. ${part.unreachable.advice}`;
  const connectorState = capturing ? (capturing.has_failed ? "failed" : capturing.is_running ? "running" : capturing.state.toLowerCase()) : "unknown";
  return [
    html`<${Node} name="PostgreSQL" stage="ingest" state=${stage("ingest").state} held=${held("ingest")} problem=${said(source)} figures=${away(source) ? [] : [
      ["written", rate(writes), "Rows of captured tables"],
      ["log", source.wal.lsn, "End of the write-ahead log"],
      ["tables", count(source.ingest.writes.length)],
    ]} />`,
    html`<${Arrow} text=${away(source) ? NONE : rate(source.wal.bytes_per_second == null ? null : source.wal.bytes_per_second / 1024, " KiB/s")} what="Write-ahead log written" />`,
    html`<${Node} name="Replication slot" stage="capture" state=${away(source) ? "unknown" : slot ? (slot.is_lost ? "lost" : slot.is_active ? "ok" : "down") : "unknown"} held=${held("capture")} problem=${said(source) || (!slot && "There is no slot yet: the connector makes it.")} figures=${slot ? [
      ["slot", slot.name],
      ["behind", slot.lag_ms == null ? bytes(slot.lag_bytes) : duration(slot.lag_ms), `${bytes(slot.lag_bytes)} of log are not confirmed by the connector`],
      ["log kept", bytes(slot.retained_bytes), "Write-ahead log that PostgreSQL keeps until it is read"],
      ["limit", slot.limit_bytes == null ? "none" : bytes(slot.limit_bytes), "max_slot_wal_keep_size: beyond it PostgreSQL gives the slot up"],
      ["reached", slot.lost_in_seconds == null ? "not in sight" : duration(slot.lost_in_seconds * 1000), "If the growth of the last minute goes on"],
    ] : []} />`,
    html`<${Arrow} text=${rate(stage("capture").per_second == null ? null : stage("capture").per_second / 1024, " KiB/s")} what="Log read by the connector" />`,
    html`<${Node} name="Connector" stage="capture" link=${capturing ? href("connectors", "of", capturing.name) : "#/connectors"} state=${connectorState} held=${held("capture")} problem=${said(connectors) || (!capturing && "No connector captures the tables: apply one on the page Connectors.")} figures=${capturing ? [
      ["name", capturing.name],
      ["tasks", capturing.tasks.join(", ").toLowerCase() || "none"],
      ["others", count(others), "Connectors beside it"],
    ] : []} />`,
    html`<${Arrow} text=${rate(stage("transport").per_second)} what="Records written to the topics, with a marker for each transaction" />`,
    html`<${Node} name="Kafka topics" stage="transport" link="#/topics" state=${stage("transport").state} held=${held("transport")} problem=${said(broker)} figures=${away(broker) ? [] : [
      ["topics", count(captured.length), "Of captured tables"],
      ["partitions", count(captured.reduce((total, topic) => total + topic.partitions.length, 0))],
      ["uncommitted", count(captured.reduce((total, topic) => total + topic.uncommitted, 0)), "Offsets of transactions that are open"],
    ]} />`,
    html`<${Arrow} text=${rate(stage("apply").per_second)} what="Applied by the stream" />`,
    html`<${Node} name="Spark stream" stage="apply" state=${stage("apply").state} held=${held("apply")} problem=${said(stream)} figures=${away(stream) ? [] : [
      ["behind", count(stage("apply").lag_events), "Changes in Kafka that are not in Cassandra"],
      ["oldest", duration(stage("apply").lag_ms), "Age of the oldest change that is not applied"],
      ["tasks", count(stream.tasks)],
    ]} />`,
    html`<${Arrow} text=${duration(latency(tables))} what="From the commit in PostgreSQL to Cassandra's acknowledgement, of the last changes" />`,
    html`<${Node} name="Cassandra" state=${away(stream) ? "unknown" : "ok"} problem=${said(stream)} figures=${[
      ["changed", ago(Math.max(0, ...tables.map((table) => table.last_commit_at_ms ?? 0)) || null)],
      ["latency", duration(latency(tables)), "From the commit to Cassandra, of the change applied last, the slowest table"],
      ["tables", count(tables.length)],
    ]} />`,
  ];
}

const latency = (tables) => {
  const known = tables.map((table) => table.latency_ms).filter((ms) => ms != null);
  return known.length ? Math.max(...known) : null;
};

const sentences = (all) => all.map((text) => html`<p><${Sentence} text=${text} /></p>`);

/** What keeps changes from arriving, and what wants looking at though they arrive. */
function Verdict({ reading: { held_up_by: first, problems, warnings } }) {
  return html`
    ${problems.length ? html`
      <div class="note bad" role="alert">
        ${first && html`<p><strong>Held up:</strong> <${Sentence} text=${first} /></p>`}
        ${sentences(problems.filter((problem) => problem !== first))}
      </div>` : html`<div class="note good"><p><strong>Nothing holds things up.</strong> Every stage passes on what comes.</p></div>`}
    ${warnings.length > 0 && html`<div class="note waiting">${sentences(warnings)}</div>`}`;
}

function Tables({ tables, isKnown }) {
  if (!tables.length && !isKnown) return html`<${Empty}><p>Which tables are captured is not known while PostgreSQL and Kafka do not answer.</p><//>`;
  if (!tables.length) return html`<${Empty}><p>No table is captured yet. <code>${typed("tables add public.orders")}</code> captures one; <code>${typed("demo")}</code> brings the users.</p><//>`;
  return html`
    <${Grid} label="Captured tables" heads=${["table", "target", "#behind", "#oldest waits", "#commit → Cassandra", "#captured", "#applied", "last change"]}>
      ${tables.map((table) => html`
        <tr key=${table.table}>
          <td class="name"><a href=${href("topics", table.topic)} data-row>${table.table}</a></td>
          <td class="name">${table.target}</td>
          <td class="number">${table.lag_events == null ? NONE : `${table.is_exact ? "" : "≤ "}${count(table.lag_events)}`}</td>
          <td class="number">${duration(table.lag_ms)}</td>
          <td class="number">${duration(table.latency_ms)}</td>
          <td class="number">${rate(table.captured_per_second)}</td>
          <td class="number">${rate(table.applied_per_second)}</td>
          <td class="when">${ago(table.last_commit_at_ms)}</td>
        </tr>`)}
    <//>`;
}

function Users({ source }) {
  if (away(source) || !source.ingest.newest_users.length) return null;
  return html`
    <section>
      <h2>Last users</h2>
      ${source.ingest.newest_users_are_exact ? null : html`<p class="muted">Of the table's last pages, where rows are added. One that was put where others were deleted, or changed in its place, may be newer.</p>`}
      <${Grid} label="Last users" heads=${["username", "name", "id", "#transaction"]}>
        ${source.ingest.newest_users.map((user) => html`
          <tr key=${user.id}><td>${user.username}</td><td>${user.name}</td><td><code>${user.id}</code></td><td class="number">${user.xid}</td></tr>`)}
      <//>
    </section>`;
}

function Away({ children }) {
  return html`<div class="note bad" role="alert"><p>The monitor does not answer. <code>${typed("up monitor")}</code> starts it; the page goes on by itself. ${children}</p></div>`;
}

export function Pipeline() {
  const { reading, at, series, state } = useLive();
  if (!reading) {
    return html`<h1>Pipeline</h1>${state === "away"
      ? html`<${Away} />`
      : html`<${Loading} what="the pipeline" />`}`;
  }
  const values = (name) => series.get(name) || [];
  return html`
    <div class="title"><h1>Pipeline</h1><span class="muted">read at ${time(reading.taken_at_ms)}, in ${duration(reading.took_ms)}</span></div>
    ${state === "away" && html`<${Away}>Until then, this is the reading of ${time(reading.taken_at_ms)}.<//>`}
    <${Verdict} reading=${reading} />
    <div class="picture">${picture(reading)}</div>
    <div class="charts">
      <${Chart} title="Changes a second" at=${at} least=${5} shown=${(value) => rate(value, "")} lines=${[
        { label: "written", values: values("stage ingest per_second") },
        { label: "in Kafka", values: values("stage transport per_second") },
        { label: "applied", values: values("stage apply per_second") },
      ]} />
      <${Chart} title="Behind" at=${at} least=${10} shown=${duration} lines=${[
        { label: "capture", values: values("stage capture lag_ms") },
        { label: "apply", values: values("stage apply lag_ms") },
      ]} />
      <${Chart} title="Log kept for the slot" at=${at} least=${1024} shown=${bytes} lines=${[{ label: "bytes", values: values("slot retained_bytes") }]} />
    </div>
    <section><h2>Captured tables</h2><${Tables} tables=${reading.tables} isKnown=${!away(reading.source)} /></section>
    <${Users} source=${reading.source} />`;
}
