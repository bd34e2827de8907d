// The records of a topic: decoded, found by key, offset or time, each change as a difference.
import { get } from "../api.js";
import { count, moment, plural, UNAVAILABLE, value } from "../format.js";
import { html, useEffect, useRef, useSignal, useState } from "../dom.js";
import { Empty, Loading, Op, Problem } from "../parts.js";

const FOLLOW_MS = 2000;
const KEPT = 200;
const HINTS = ["newest", "earliest", "-100", "0@42", "30s", "10m", "2h", "1d", "2026-11-21T18:50:00"];
const places = (offsets) => Object.entries(offsets).map(([partition, offset]) => `${partition}:${offset}`).join(",");

function query(topic, form, extra) {
  const wanted = new URLSearchParams();
  form.filter.split(/\s+and\s+/).filter((text) => text.trim()).forEach((text) => wanted.append("filter", text.trim()));
  if (form.partition !== "") wanted.set("partition", form.partition);
  if (form.raw) wanted.set("raw", "1");
  Object.entries(extra).forEach(([key, text]) => text && wanted.set(key, text));
  return `/api/topics/${encodeURIComponent(topic)}/records?${wanted}`;
}

const plain = (datum) => (typeof datum === "string" ? datum : value(datum));
const key = (record) => {
  const datum = record.key.datum;
  if (record.key.bytes == null) return "null";
  if (record.key.problem) return record.key.problem;
  if (datum && typeof datum === "object" && Object.keys(datum).length === 1) return plain(Object.values(datum)[0]);
  return datum && typeof datum === "object" ? Object.entries(datum).map(([name, each]) => `${name}=${value(each)}`).join(", ") : value(datum);
};

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** An update whose row before is not in the log (REPLICA IDENTITY DEFAULT), with that of the key's record before. */
function compared(record, older) {
  if (record.op !== "update" || record.before || !older?.after) return record;
  const changed = Object.keys(record.after).filter((name) => record.after[name] !== UNAVAILABLE && !same(record.after[name], older.after[name]));
  return { ...record, before: older.after, changed, against: older.place };
}

const olderOf = (record, records) =>
  records.find((other) => other.partition === record.partition && other.offset < record.offset && other.after && same(other.key.datum, record.key.datum));

/** The key's record before it, looked for in its topic. */
async function recordBefore(record) {
  const datum = record.key.datum;
  if (!datum || typeof datum !== "object") return null;
  const wanted = new URLSearchParams({ partition: record.partition, before: `${record.partition}:${record.offset}`, count: 1 });
  Object.entries(datum).forEach(([name, each]) => wanted.append("filter", `key.${name}=${each}`));
  wanted.append("filter", "op~create|read|update");
  return (await get(`/api/topics/${encodeURIComponent(record.topic)}/records?${wanted}`)).records[0];
}

function Short({ record }) {
  const { before, after } = record;
  if (record.op === "update" && record.changed.length) {
    return record.changed.slice(0, 3).map((name) => html`
      <span class="change">${name}: <del>${value(before[name])}</del> → <ins>${value(after[name])}</ins></span>`)
      .concat(record.changed.length > 3 ? html`<span class="muted"> and ${record.changed.length - 3} more</span>` : []);
  }
  if (record.op === "tombstone") return html`<span class="muted">nothing of the key is left for compaction to keep</span>`;
  const row = after || before;
  const keys = record.key.datum && typeof record.key.datum === "object" ? record.key.datum : {};
  if (row && !record.key_only) return Object.entries(row).filter(([name, each]) => !(name in keys) && each !== null).slice(0, 5).map(([name, each]) => html`<span class="change">${name}: ${value(each)}</span>`);
  if (record.key_only) return html`<span class="muted">only the key is in the log (REPLICA IDENTITY DEFAULT)</span>`;
  if (record.value?.problem) return html`<span class="wrong">${record.value.problem}</span>`;
  return html`<span>${value(record.value?.datum)}</span>`;
}

function Difference({ record }) {
  const before = record.before || {}, after = record.after || {};
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = new Set(record.changed);
  const both = record.before && record.after;
  return html`
    <table class="difference">
      <thead><tr><th scope="col">column</th>${record.before && html`<th scope="col">before</th>`}${record.after && html`<th scope="col">after</th>`}</tr></thead>
      <tbody>${names.map((name) => html`
        <tr class=${both && changed.has(name) ? "changed" : ""}>
          <th scope="row">${name}</th>
          ${record.before && html`<td class=${!record.after || changed.has(name) ? "old" : ""}>${value(before[name])}</td>`}
          ${record.after && html`<td class=${!record.before || changed.has(name) ? "new" : ""}>${value(after[name])}</td>`}
        </tr>`)}</tbody>
    </table>`;
}

function Whole({ record }) {
  const [full, setFull] = useState(record);
  const [problem, setProblem] = useState(null);
  useEffect(() => {
    if (record.op !== "update" || record.before) return undefined;
    let gone = false;
    recordBefore(record).then((older) => gone || setFull((now) => compared(now, older)), (wrong) => gone || setProblem(wrong));
    return () => { gone = true; };
  }, []);
  const isCut = JSON.stringify(full).includes(" characters)");
  const read = () => get(`/api/topics/${encodeURIComponent(record.topic)}/records/${record.partition}/${record.offset}`).then((whole) => setFull(full.against ? compared(whole, { after: full.before, place: full.against }) : whole), setProblem);
  const source = full.source || {};
  const facts = [
    ["place", full.place], ["time", full.time], ["lsn", source.lsn], ["transaction", source.txId],
    ["key schema", full.key.schema_id], ["value schema", full.value?.schema_id],
    ["bytes", `${count(full.key.bytes ?? 0)} key, ${count(full.value?.bytes ?? 0)} value`],
    ...full.headers.map(([name, text]) => [`header ${name}`, value(text)]),
  ].filter(([, fact]) => fact != null);
  return html`
    <div class="whole">
      <${Problem} problem=${problem} />
      ${full.before || full.after ? html`<${Difference} record=${full} />`
        : full.value?.problem ? html`<p class="wrong">${full.value.problem}</p>`
        : full.value?.bytes != null && html`<pre>${JSON.stringify(full.value.datum, null, 2)}</pre>`}
      <dl class="pairs">${facts.map(([name, fact]) => html`<dt>${name}</dt><dd>${fact}</dd>`)}</dl>
      ${full.against && html`<p class="muted">The row before is not in the log (it is with REPLICA IDENTITY FULL): compared with the key's record before, ${full.against}.</p>`}
      ${isCut && html`<button type="button" onClick=${read}>Show long values whole</button>`}
    </div>`;
}

function Row({ record, open, toggle }) {
  return html`
    <li class=${`record ${open ? "open" : ""}`}>
      <button type="button" class="line" data-row aria-expanded=${open} onClick=${toggle}>
        <${Op} op=${record.op} />
        <span class="place">${record.partition}@${record.offset}</span>
        <time datetime=${record.time}>${moment(record.time)}</time>
        <span class="key">${key(record)}</span>
        <span class="short"><${Short} record=${record} /></span>
      </button>
      ${open && html`<${Whole} key=${record.place} record=${record} />`}
    </li>`;
}

export function Records({ topic, partitions }) {
  const [form, setForm] = useState({ from: "", filter: "", partition: "", raw: false });
  const [page, setPage] = useState(null);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(true);
  const [open, setOpen] = useState(null);
  const [follow, setFollow] = useState(false);
  const round = useRef(0);
  const newest = useRef(null);

  const read = async (extra, used = form) => {
    const number = ++round.current;
    setBusy(true);
    setProblem(null);
    try {
      const found = await get(query(topic, used, extra));
      if (number === round.current) {
        setPage(found);
        newest.current = found.ends;
      }
    } catch (wrong) {
      if (number === round.current) setProblem(wrong);
    } finally {
      if (number === round.current) setBusy(false);
    }
  };
  const begin = (used = form) => read({ from: used.from === "newest" ? "" : used.from }, used);
  useEffect(() => {
    begin();
    return () => { round.current += 1; };
  }, []);
  useSignal("reload", () => begin());
  useSignal("escape", () => setOpen(null));
  useEffect(() => {
    if (!follow) return undefined;
    let gone = false, busyReading = false;
    const timer = setInterval(async () => {
      if (document.hidden || busyReading || !newest.current) return;
      busyReading = true;
      try {
        const more = await get(query(topic, form, { after: places(newest.current), count: KEPT }));
        if (gone) return;
        newest.current = more.ends;
        setPage((old) => ({ ...more, begins: old?.begins ?? more.begins, records: [...(old?.records || []), ...more.records].slice(-KEPT) }));
      } catch (wrong) {
        if (!gone) { setProblem(wrong); setFollow(false); }
      } finally {
        busyReading = false;
      }
    }, FOLLOW_MS);
    return () => { gone = true; clearInterval(timer); };
  }, [follow]);

  const set = (name) => (event) => setForm({ ...form, [name]: event.target.type === "checkbox" ? event.target.checked : event.target.value });
  const submit = (event) => { event.preventDefault(); setFollow(false); begin(); };
  const newestFirst = page ? [...page.records].reverse() : [];
  const records = newestFirst.map((record) => compared(record, olderOf(record, newestFirst)));
  const hasOlder = page && Object.entries(page.begins).some(([partition, offset]) => offset > page.first[partition]);
  const hasNewer = page && Object.entries(page.ends).some(([partition, offset]) => offset < page.end[partition]);
  return html`
    <form class="bar records-form" onSubmit=${submit}>
      <label>Key or condition<input type="search" data-search value=${form.filter} onInput=${set("filter")} placeholder="42, op=update and after.country=FR" title="A key, or conditions joined by and: op=delete, before.city~^P, changed=phone, source.lsn>=42" /></label>
      <label>From<input value=${form.from} onInput=${set("from")} list="from-hints" placeholder="newest" title="newest, earliest, an offset (42, or -100 before the end), a place (0@42), a duration before now (10m), or a time in UTC" /></label>
      <datalist id="from-hints">${HINTS.map((hint) => html`<option value=${hint} />`)}</datalist>
      <label>Partition<select value=${form.partition} onChange=${set("partition")}><option value="">all</option>${partitions.map((number) => html`<option value=${number}>${number}</option>`)}</select></label>
      <label class="check"><input type="checkbox" checked=${form.raw} onChange=${set("raw")} /> bytes</label>
      <button class="primary" disabled=${busy}>Read</button>
      <label class="check"><input type="checkbox" checked=${follow} onChange=${(event) => setFollow(event.target.checked)} /> follow</label>
    </form>
    <${Problem} problem=${problem} />
    ${page?.is_cut && html`<div class="note waiting"><p>Looked at ${plural(page.looked_at, "record")} and stopped there to answer in time. Say from where on to look, such as 10m or a partition.</p></div>`}
    ${busy && !page ? html`<${Loading} what="records" />` : null}
    ${page && !records.length && !busy && html`<${Empty}><p>${form.filter ? "No record of those looked at fits the condition." : hasOlder ? "No record from there on." : "The topic has no record yet."}</p><//>`}
    <ol class=${`records ${busy ? "busy" : ""}`} aria-label="Records, newest first">
      ${records.map((record) => html`<${Row} key=${record.place} record=${record} open=${open === record.place} toggle=${() => setOpen(open === record.place ? null : record.place)} />`)}
    </ol>
    ${page && html`
      <div class="actions">
        <button type="button" disabled=${busy || !hasNewer || follow} onClick=${() => read({ after: places(page.ends) })}>← Newer</button>
        <button type="button" disabled=${busy || !hasOlder || follow} onClick=${() => read({ before: places(page.begins) })}>Older →</button>
        <span class="muted">${plural(records.length, "record")} shown, newest first</span>
      </div>`}`;
}
