// What a finished quickstart leaves: report.html, results.json, curves for `unmask aup`, and a table for a terminal.

import { join } from "node:path";
import type { ComparedPoint, Comparison } from "../../evaluate/run/comparison.ts";
import { jsonText, writeWhole } from "../../evaluate/run/files.ts";
import { machine } from "../../evaluate/run/timing.ts";
import { engineVersion } from "../../evaluate/run/worker.ts";
import { displayWidth } from "../terminal.ts";

export interface Results {
  readonly seed: number;
  /** Of all stages. */
  readonly minutes: number;
  readonly comparisons: readonly ComparedResult[];
}

interface ComparedResult {
  readonly name: string;
  readonly metric: string;
  readonly is_share: boolean;
  readonly points: readonly ComparedPoint[];
  /** By model; null where its curve has none. */
  readonly aup: Readonly<Record<string, number | null>>;
}

export const reportFile = (out: string): string => join(out, "report.html");
export const resultsFile = (out: string): string => join(out, "results.json");

export interface Summed {
  readonly out: string;
  readonly seed: number;
  readonly about: string;
  /** Minutes of all stages, as their markers have them. */
  readonly minutes: number;
}

export async function writeSummary(
  comparisons: readonly Comparison[],
  { out, seed, about, minutes }: Summed,
): Promise<void> {
  const { comparisonHtml } = await import("../../evaluate/report/comparison.ts"); // charts take a second to load
  const { cpu, cpus, platform, node, torch } = machine(engineVersion());
  const html = comparisonHtml({
    title: "unmask quickstart: fewer forwards",
    ...{ about, comparisons },
    facts: [
      ["seed", String(seed)],
      ["time", `${minutes.toFixed(1)} minutes`],
      ["machine", `${cpu}, ${cpus} processors, ${platform}, Node ${node}, libtorch ${torch}`],
    ],
  });
  writeWhole(reportFile(out), html);
  for (const { name, curves } of comparisons) {
    if (curves === undefined) continue;
    const file = `curves-${name.toLowerCase().replace(/[^a-z]+/g, "-")}.yaml`;
    writeWhole(join(out, file), curves);
  }
  const results: Results = { seed, minutes, comparisons: comparisons.map(resultOf) };
  writeWhole(resultsFile(out), jsonText(results));
}

function resultOf({ name, metric, is_share, points, aup }: Comparison): ComparedResult {
  const scores = aup?.tasks[0]?.methods ?? [];
  return {
    ...{ name, metric, is_share, points },
    aup: Object.fromEntries(scores.map((one) => [one.name, one.aup ?? null])),
  };
}

/** At most 80 columns. */
export function renderSummary({ comparisons }: Results): string[] {
  return comparisons.flatMap((one, at) => [...(at > 0 ? [""] : []), ...renderComparison(one)]);
}

function renderComparison({ name, metric, is_share, points, aup }: ComparedResult): string[] {
  const methods = [...new Set(points.map(({ method }) => method))];
  const settings = [...new Set(points.map(({ value }) => String(value)))];
  const [metricName = metric] = metric.split(",");
  const title = `${name}: ${metricName.replaceAll("_", " ")}${is_share ? " in %, with 95 % intervals" : ", with 95 % intervals"}`;
  const head = [points[0]?.option ?? "", ...methods.flatMap((method) => ["tok/fwd", method])];
  const rows = settings.map((setting) => [
    setting,
    ...methods.flatMap((method) => {
      const point = points.find((one) => one.method === method && String(one.value) === setting);
      return point === undefined ? ["", ""] : [point.tokens_per_forward.toFixed(2), scored(point, is_share)];
    }),
  ]);
  const scores = methods.flatMap((method) => ["", aup[method]?.toFixed(1) ?? "–"]);
  const lines = Object.keys(aup).length === 0 ? [head, ...rows] : [head, ...rows, ["AUP", ...scores]];
  return [title, ...aligned(lines)];
}

const scored = ({ score, low, high }: ComparedPoint, isShare: boolean): string =>
  isShare
    ? `${(100 * score).toFixed(1)} (${(100 * low).toFixed(0)}–${(100 * high).toFixed(0)})`
    : `${score.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;

function aligned(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => displayWidth(line[column]!))));
  return lines.map((line) => line.map((cell, at) => cell.padStart(widths[at]!)).join("  "));
}
