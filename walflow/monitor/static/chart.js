// Lines over time, by uPlot; colours are those of the page's theme.
import { bytes } from "./format.js";
import { html, useEffect, useRef, useSignal, useState } from "./dom.js";

const POWERS = Array.from({ length: 50 }, (_, power) => 2 ** power);
const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4", "--line-5", "--line-6"];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function made(element, lines, shown, height, least) {
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  return new window.uPlot(
    {
      width: element.clientWidth,
      height,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      padding: [10, 26, 0, 0], // half a label of the time axis
      scales: { x: { time: true }, y: { range: (_, low, high) => [Math.min(0, low || 0), Math.max(high || 0, least) * 1.05] } },
      axes: [
        { ...axis, space: 70, size: 28, values: [[1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]] },
        { ...axis, size: 62, ...(shown === bytes ? { incrs: POWERS } : {}), space: 34, values: (_, ticks) => ticks.map((tick) => shown(tick)) },
      ],
      series: [
        {},
        ...lines.map((line, number) => ({
          label: line.label,
          stroke: colour(COLOURS[number % COLOURS.length]),
          width: 1.8,
          spanGaps: true,
          points: { show: false },
        })),
      ],
    },
    [[], ...lines.map(() => [])],
    element,
  );
}

/** lines: [{label, values}], shown: a value as text; least: the least top of the scale. The legend tells the newest value, or that under the pointer. */
export function Chart({ title, at, lines, shown, least = 1, height = 170 }) {
  const place = useRef(null);
  const plot = useRef(null);
  const [pointed, setPointed] = useState(null);
  const names = lines.map((line) => line.label).join("\n");
  const [theme, setTheme] = useState(0);
  useSignal("theme", () => setTheme((n) => n + 1));
  useEffect(() => {
    const element = place.current;
    plot.current = made(element, lines, shown, height, least);
    plot.current.over.addEventListener("mouseleave", () => setPointed(null));
    plot.current.over.addEventListener("mousemove", () => setPointed(plot.current?.cursor.idx ?? null));
    const sized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    sized.observe(element);
    return () => {
      sized.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, [names, theme, height]);
  useEffect(() => {
    plot.current?.setData([at.map((ms) => ms / 1000), ...lines.map((line) => line.values)]);
  });
  const told = (values) => values[pointed ?? values.length - 1] ?? null;
  return html`
    <figure class="chart">
      <figcaption>
        <strong>${title}</strong>
        ${lines.map((line, number) => html`
          <span class="legend" key=${line.label}>
            <i class=${`swatch line-${(number % COLOURS.length) + 1}`}></i><span>${line.label} <b>${shown(told(line.values))}</b></span>
          </span>`)}
      </figcaption>
      <div class="plot" ref=${place} role="img" aria-label=${`${title}: ${lines.map((line) => `${line.label} ${shown(told(line.values))}`).join(", ")}`}></div>
    </figure>`;
}
