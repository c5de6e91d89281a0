// Charts as SVG in the text of a page: Observable Plot on a small document of Node's own (linkedom). Colours are the
// page's variables, so that one drawing serves light and dark.

import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { Html, visible } from "./html.ts";

/** How many colours the page has; after that they repeat. */
const colours = 6;
export const colourOf = (index: number): string => `var(--c${(index % colours) + 1})`;
const symbols = ["circle", "square", "triangle", "diamond", "star", "cross"] as const;
const symbolOf = (index: number) => symbols[index % symbols.length]!;

const width = 640;

function draw(label: string, options: Plot.PlotOptions): Html {
  const { document } = parseHTML("<html><body></body></html>");
  const svg = Plot.plot({
    ...{
      width,
      document: document as unknown as NonNullable<Plot.PlotOptions["document"]>,
      marginRight: 30,
      style: { fontSize: "12px" },
    },
    ...{ color: { type: "identity" }, opacity: { type: "identity" } },
    ...options,
  });
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  return new Html(visible(svg.outerHTML));
}

export interface ChartPoint {
  readonly method: string;
  /** Said at the point. */
  readonly label: string;
  readonly parallelism: number;
  readonly score: number;
  readonly low: number;
  readonly high: number;
}

/** Score over tokens a forward, a curve a method, with the interval of every point. */
export function curveChart(
  points: readonly ChartPoint[],
  {
    title,
    axis,
    methods,
  }: { readonly title: string; readonly axis: string; readonly methods: readonly string[] },
): Html {
  const sorted = [...points].sort((a, b) => a.parallelism - b.parallelism);
  const color = (point: ChartPoint) => colourOf(methods.indexOf(point.method));
  return draw(title, {
    height: 340,
    marginBottom: 44,
    x: { label: "tokens a forward", labelAnchor: "center", zero: true, nice: true, grid: true },
    y: { label: axis, nice: true, grid: true },
    marks: [
      Plot.line(sorted, { x: "parallelism", y: "score", z: "method", stroke: color, strokeWidth: 2 }),
      Plot.ruleX(sorted, { x: "parallelism", y1: "low", y2: "high", stroke: color, strokeOpacity: 0.5 }),
      ...methods.map((method, at) =>
        Plot.dot(
          sorted.filter((point) => point.method === method),
          { x: "parallelism", y: "score", fill: colourOf(at), symbol: symbolOf(at), r: 4.5 },
        ),
      ),
      Plot.text(withRoom(sorted), {
        x: "parallelism",
        y: "score",
        text: "label",
        dy: -12,
        fill: "currentColor",
      }),
    ],
  });
}

/** Points whose labels do not stand in the way of one another. */
function withRoom(points: readonly ChartPoint[]): ChartPoint[] {
  const range = (values: readonly number[]) => Math.max(...values) - Math.min(...values) || 1;
  const across = range([0, ...points.map(({ parallelism }) => parallelism)]);
  const upwards = range(points.flatMap(({ low, high }) => [low, high]));
  const kept: ChartPoint[] = [];
  for (const point of points) {
    const isNear = (other: ChartPoint) =>
      Math.abs(point.parallelism - other.parallelism) < 0.05 * across &&
      Math.abs(point.score - other.score) < 0.06 * upwards;
    if (!kept.some(isNear)) kept.push(point);
  }
  return kept;
}

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  readonly text: string;
  readonly colour: string;
}

/** A name that leaves room for the chart. */
const shortName = (name: string): string => (name.length > 32 ? `${name.slice(0, 31)}…` : name);

/** Horizontal bars with their intervals. */
export function barChart(
  all: readonly Bar[],
  {
    title,
    axis,
    most,
  }: { readonly title: string; readonly axis: string; readonly most?: number | undefined },
): Html {
  const bars = all.map((bar) => ({ ...bar, name: shortName(bar.name) }));
  const ranged = bars.filter(({ low, high }) => low !== undefined && high !== undefined);
  const highest = Math.max(...bars.map(({ value, high }) => Math.max(value, high ?? 0))) || 1;
  return draw(title, {
    height: 44 + 34 * bars.length,
    marginLeft: Math.min(240, 12 + 7 * Math.max(...bars.map(({ name }) => name.length))),
    marginRight: 70,
    marginBottom: 36,
    x: {
      label: axis,
      labelAnchor: "center",
      domain: [0, most ?? highest],
      nice: most === undefined,
      grid: true,
    },
    y: { label: null, domain: bars.map(({ name }) => name), tickSize: 0 },
    marks: [
      Plot.barX(bars, {
        ...{ x: "value", y: "name", insetTop: 5, insetBottom: 5, fillOpacity: 0.75 },
        fill: (bar: Bar) => bar.colour,
      }),
      Plot.ruleY(ranged, { x1: "low", x2: "high", y: "name", stroke: "currentColor", strokeWidth: 1.5 }),
      Plot.tickX(ranged, { x: "low", y: "name", stroke: "currentColor", insetTop: 11, insetBottom: 11 }),
      Plot.tickX(ranged, { x: "high", y: "name", stroke: "currentColor", insetTop: 11, insetBottom: 11 }),
      Plot.text(bars, {
        ...{ y: "name", text: "text", textAnchor: "start", dx: 8, fill: "currentColor" },
        x: (bar: Bar) => Math.max(bar.value, bar.high ?? 0),
      }),
      Plot.ruleX([0], { stroke: "currentColor" }),
    ],
  });
}

export interface GridCell {
  readonly method: string;
  /** Forwards an answer. */
  readonly forwards: number;
  /** 0 to 1, how strong the cell is coloured. */
  readonly strength: number;
  readonly text: string;
  readonly label: string;
}

/** Score by number of forwards: a row a method, the columns in order of cost. */
export function forwardsGrid(
  cells: readonly GridCell[],
  { title, methods }: { readonly title: string; readonly methods: readonly string[] },
): Html {
  const columns = [...new Set(cells.map(({ forwards }) => forwards))].sort((a, b) => a - b);
  const name = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(1));
  const shown = cells.map((cell) => ({ ...cell, column: name(cell.forwards) }));
  return draw(title, {
    height: 56 + 46 * methods.length,
    marginLeft: Math.min(240, 12 + 7 * Math.max(...methods.map(({ length }) => length))),
    marginBottom: 40,
    x: {
      label: "forwards an answer",
      labelAnchor: "center",
      domain: [...new Set(columns.map(name))],
      tickSize: 0,
    },
    y: { label: null, domain: [...methods], tickSize: 0 },
    marks: [
      Plot.cell(shown, {
        ...{ x: "column", y: "method", inset: 1, rx: 3, fill: "var(--c1)" },
        fillOpacity: (cell: GridCell) => 0.08 + 0.52 * cell.strength,
      }),
      Plot.text(shown, {
        x: "column",
        y: "method",
        text: "text",
        fill: "currentColor",
        dy: -7,
        fontWeight: 600,
      }),
      Plot.text(shown, {
        x: "column",
        y: "method",
        text: "label",
        fill: "currentColor",
        dy: 9,
        fontSize: 10,
      }),
    ],
  });
}

/** How values are spread. */
export function histogram(
  values: readonly number[],
  { title, axis }: { readonly title: string; readonly axis: string },
): Html {
  return draw(title, {
    height: 200,
    marginBottom: 40,
    x: { label: axis, labelAnchor: "center" },
    y: { label: "answers", grid: true },
    marks: [
      Plot.rectY(values, {
        ...Plot.binX({ y: "count" }, { x: (value: number) => value }),
        ...{ fill: "var(--c1)", fillOpacity: 0.75 },
      }),
      Plot.ruleY([0], { stroke: "currentColor" }),
    ],
  });
}
