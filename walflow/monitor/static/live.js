// Readings as the monitor takes them, and their figures of the last quarter of an hour.
import { get } from "./api.js";
import { useEffect, useState } from "./dom.js";

const POINTS = 900;
const live = { reading: null, state: "connecting", at: [], series: new Map() };
const watchers = new Set();
let source = null;

const tell = () => watchers.forEach((watcher) => watcher());

function add(at, figures) {
  if (live.at.length && at <= live.at[live.at.length - 1]) return;
  live.at.push(at);
  for (const [name, value] of Object.entries(figures)) {
    if (!live.series.has(name)) live.series.set(name, new Array(live.at.length - 1).fill(null));
    live.series.get(name).push(value);
  }
  for (const values of live.series.values()) if (values.length < live.at.length) values.push(null);
  if (live.at.length > POINTS) {
    live.at.shift();
    for (const values of live.series.values()) values.shift();
  }
}

async function begin() {
  end();
  try {
    const past = await get("/api/history");
    live.at = past.at_ms;
    live.series = new Map(Object.entries(past.series));
  } catch {
    // the stream below tells that the monitor is away
  }
  if (source || document.hidden) return;
  source = new EventSource("/api/live");
  source.onmessage = (event) => {
    const { reading, figures } = JSON.parse(event.data);
    add(reading.taken_at_ms, figures);
    live.reading = reading;
    live.state = "live";
    tell();
  };
  source.onerror = () => {
    live.state = "away";
    tell();
    // A refusal closes it for good; a lost connection it takes up again by itself.
    if (source?.readyState === EventSource.CLOSED) setTimeout(() => document.hidden || begin(), 3000);
  };
}

function end() {
  source?.close();
  source = null;
}

/** Readings come while the page is seen: a hidden one costs the pipeline nothing. */
export function watch() {
  document.addEventListener("visibilitychange", () => (document.hidden ? end() : begin()));
  begin();
}

/** What is known now; the part is drawn anew with each reading. */
export function useLive() {
  const [, draw] = useState(0);
  useEffect(() => {
    const watcher = () => draw((n) => n + 1);
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }, []);
  return live;
}
