// Topics: throughput, partitions, who reads them, and their records.
import { useAsked } from "../api.js";
import { Chart } from "../chart.js";
import { bytes, count, duration, moment, NONE, plural, rate, typed } from "../format.js";
import { html, useState } from "../dom.js";
import { useLive } from "../live.js";
import { Asked, Empty, Grid, href, Problem, Search, State, Tabs } from "../parts.js";
import { Records } from "./records.js";

const TABS = [["records", "Records"], ["partitions", "Partitions"], ["consumers", "Consumers"], ["settings", "Settings"]];
const live = (reading) => (reading && !reading.broker.unreachable ? Object.fromEntries(reading.broker.topics.map((topic) => [topic.name, topic])) : {});
const lags = (reading) => Object.fromEntries((reading?.tables || []).map((table) => [table.topic, table]));

function List() {
  const asked = useAsked("/api/topics", 15);
  const { reading, at, series } = useLive();
  const [text, setText] = useState("");
  const [all, setAll] = useState(false);
  const now = live(reading), behind = lags(reading);
  const busiest = [...series.entries()]
    .filter(([name]) => /^topic .* per_second$/.test(name))
    .map(([name, values]) => ({ label: name.slice(6, -11), values, total: values.reduce((total, value) => total + (value || 0), 0) }))
    .sort((a, b) => b.total - a.total)
    .slice(0, 5);
  return html`
    <h1>Topics</h1>
    ${busiest.length > 0 && html`<${Chart} title="Offsets a second, the busiest topics" at=${at} least=${5} lines=${busiest} shown=${(value) => rate(value, "")} />`}
    <div class="bar"><${Search} value=${text} onInput=${setText} what="a topic" />
      <label class="check"><input type="checkbox" checked=${all} onChange=${(event) => setAll(event.target.checked)} /> Kafka's, Connect's and the registry's own too</label></div>
    <${Asked} asked=${asked} what="the topics">${(topics) => {
      const shown = topics.filter((topic) => topic.name.includes(text) && (all || !topic.internal));
      if (!shown.length) return html`<${Empty}><p>${topics.length ? "No topic's name has this in it." : html`Kafka has no topic yet. <code>${typed("demo")}</code> brings the users' one.`}</p><//>`;
      return html`
        <${Grid} label="Topics" heads=${["topic", "#partitions", "#offsets kept", "#size", "#offsets a second", "#stream is behind", "newest record"]}>
          ${shown.map((topic) => html`
            <tr key=${topic.name}>
              <td><a href=${href("topics", topic.name)} data-row>${topic.name}</a></td>
              <td class="number">${topic.partitions.length}</td>
              <td class="number">${count(topic.offsets)}</td>
              <td class="number">${bytes(topic.bytes)}</td>
              <td class="number">${rate(now[topic.name]?.per_second)}</td>
              <td class="number">${behind[topic.name]?.lag_events == null ? NONE : plural(behind[topic.name].lag_events, "event")}</td>
              <td>${topic.newest ? moment(topic.newest) : "none"}</td>
            </tr>`)}
        <//>`;
    }}<//>`;
}

function Partitions({ topic, reading }) {
  const now = Object.fromEntries((live(reading)[topic.name]?.partitions || []).map((each) => [each.number, each]));
  const applied = reading && !reading.stream.unreachable
    ? Object.fromEntries(reading.stream.applied.filter((each) => each.topic === topic.name).map((each) => [each.partition, each])) : {};
  return html`
    <${Grid} label="Partitions" heads=${["partition", "leader", "replicas in sync", "#first offset", "#end", "#applied by the stream", "#size"]}>
      ${topic.partitions.map((each) => html`
        <tr key=${each.number}>
          <td>${each.number}</td><td>broker ${each.leader}</td>
          <td title=${`Brokers ${each.in_sync.join(", ")} of ${each.replicas.join(", ")}`}>${each.in_sync.length} of ${each.replicas.length} ${each.in_sync.length < each.replicas.length && html`<${State} word="behind" />`}</td>
          <td class="number">${count(now[each.number]?.first ?? each.first)}</td>
          <td class="number">${count(now[each.number]?.end ?? each.end)}</td>
          <td class="number">${applied[each.number] ? count(applied[each.number].offset) : NONE}</td>
          <td class="number">${bytes(each.bytes)}</td>
        </tr>`)}
    <//>`;
}

function Groups({ topic, behind }) {
  const stream = behind && {
    group: "walflow's stream (Spark)",
    state: behind.lag_events ? "behind" : "ok",
    lag: behind.lag_events, for: behind.lag_ms, exact: behind.is_exact,
  };
  const groups = topic.groups.map((each) => ({
    group: each.group, state: each.state, exact: true, for: null,
    lag: each.partitions.reduce((total, partition) => total + partition.lag, 0),
    places: each.partitions.map((partition) => `${partition.number}: ${count(partition.lag)}`).join(", "),
  }));
  const all = stream ? [stream, ...groups] : groups;
  if (!all.length) return html`<${Empty}><p>No consumer group has an offset in this topic, and the stream does not read it.</p><//>`;
  return html`
    <${Grid} label="Consumers" heads=${["consumer", "state", "#records behind", "by partition", "#oldest waits"]}>
      ${all.map((each) => html`
        <tr key=${each.group}><td>${each.group}</td><td><${State} word=${each.state} title=${each.state === "Empty" ? "Nobody of the group is connected" : null} /></td>
          <td class="number">${each.lag == null ? NONE : `${each.exact ? "" : "≤ "}${count(each.lag)}`}</td><td>${each.places || NONE}</td><td class="number">${duration(each.for)}</td></tr>`)}
    <//>
    ${topic.groups_left_out > 0 && html`<p class="muted">${plural(topic.groups_left_out, "further group")} of this Kafka not looked at.</p>`}`;
}

function Topic({ name }) {
  const asked = useAsked(`/api/topics/${encodeURIComponent(name)}`, 30);
  const { reading, at, series } = useLive();
  const line = (label, key) => ({ label, values: series.get(key) || [] });
  const behind = lags(reading)[name];
  const lines = [line("written", `topic ${name} per_second`)];
  if (behind) lines.push(line("applied", `table ${behind.table} applied_per_second`));
  const [tab, setTab] = useState("records");
  const head = html`<p class="crumbs"><a href="#/topics">Topics</a></p><h1 class="name">${name}</h1>`;
  if (asked.problem && !asked.value) return html`${head}<${Problem} problem=${asked.problem} again=${asked.reload} />`;
  return html`
    ${head}
    <${Chart} title="Offsets a second" at=${at} least=${5} lines=${lines} shown=${(value) => rate(value, "")} height=${130} />
    <${Tabs} label="Of the topic" tabs=${TABS} chosen=${tab} choose=${setTab}>
      ${tab === "records" ? html`<${Records} topic=${name} partitions=${asked.value?.partitions.map((each) => each.number) || []} />` : html`
      <${Asked} asked=${asked} what="the topic">${(topic) =>
        tab === "partitions" ? html`<${Partitions} topic=${topic} reading=${reading} />`
        : tab === "consumers" ? html`<${Groups} topic=${topic} behind=${behind} />`
        : html`<${About} topic=${topic} />`}<//>`}
    <//>`;
}

function About({ topic }) {
  const settings = Object.entries(topic.settings);
  return html`
    ${topic.problem && html`<${Problem} problem=${topic.problem} />`}
    <h2>Schemas</h2>
    ${topic.subjects.length
      ? html`<ul>${topic.subjects.map((subject) => html`<li><a href=${href("schemas", subject)} data-row>${subject}</a></li>`)}</ul>`
      : html`<p class="muted">The registry has no subject of this topic's name.</p>`}
    <h2>Settings that differ from the broker's</h2>
    ${settings.length
      ? html`<dl class="pairs">${settings.map(([key, value]) => html`<dt>${key}</dt><dd>${value}</dd>`)}</dl>`
      : html`<p class="muted">None.</p>`}`;
}

export function Topics({ path }) {
  return path[0] ? html`<${Topic} key=${path[0]} name=${path[0]} />` : html`<${List} />`;
}
