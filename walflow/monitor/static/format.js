// Figures as people read them.

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
export const NONE = "–";
export const UNAVAILABLE = "__debezium_unavailable_value";

/** A command line of walflow, as a reader types it: the page was sent with what it begins with. */
export const typed = (command) => `${document.documentElement.dataset.program} ${command}`;

export const count = (value) => (value == null ? NONE : WHOLE.format(value));

export function rate(value, unit = "/s") {
  if (value == null) return NONE;
  return `${Math.abs(value) < 100 ? NUMBER.format(value) : WHOLE.format(value)}${unit}`;
}

export function bytes(value) {
  if (value == null) return NONE;
  let size = Math.abs(value), unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) { size /= 1024; unit += 1; }
  const text = unit === 0 || size >= 100 ? WHOLE.format(size) : NUMBER.format(size);
  return `${value < 0 ? "−" : ""}${text} ${UNITS[unit]}`;
}

export function duration(ms) {
  if (ms == null) return NONE;
  if (ms < 1000) return `${WHOLE.format(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${NUMBER.format(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min${seconds % 60 >= 1 ? ` ${Math.floor(seconds % 60)} s` : ""}`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

export const ago = (ms) => (ms == null ? NONE : `${duration(Math.max(0, Date.now() - ms))} ago`);

export const time = (ms) => (ms == null ? NONE : new Date(ms).toLocaleString("sv-SE"));

/** ISO 8601 in UTC → the browser's own time of day, with the date where it is not today. */
export function moment(text) {
  if (!text) return NONE;
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  const clock = at.toLocaleTimeString("sv-SE") + (/\.\d/.test(text) ? `.${String(at.getMilliseconds()).padStart(3, "0")}` : "");
  return at.toDateString() === new Date().toDateString() ? clock : `${at.toLocaleDateString("sv-SE")} ${clock}`;
}

/** A value of a record: null, texts in quotes, the rest as it is. */
export function value(datum) {
  if (datum === null || datum === undefined) return "null";
  if (datum === UNAVAILABLE) return "(as it was: not in the log)";
  if (typeof datum === "string") return JSON.stringify(datum);
  return typeof datum === "object" ? JSON.stringify(datum) : String(datum);
}

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
