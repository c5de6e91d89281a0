// Curves of accuracy over parallelism: a decoder at several values of one option, all points from one load of the
// model. The file of curves is one that `unmask aup` reads.

import { join } from "node:path";
import { Document, isMap, isSeq, type YAMLMap } from "yaml";
import { ConfigError } from "../../base/errors.ts";
import { parseAupFile } from "../aup-file.ts";
import { type AupReport, aupReport } from "../aup-report.ts";
import type { CurveConfig, SweepConfig } from "./config.ts";
import { jsonText, writeWhole } from "./files.ts";
import { type TaskOutcome, verdictsOf } from "./outcome.ts";
import type { Variant } from "./plan.ts";
import type { Evaluated } from "./run.ts";
import { type WrittenResults, writeReport, writeResults } from "./write.ts";

/** A point of a curve before it is measured. */
export interface SweepVariant extends Variant {
  readonly method: string;
  readonly option: string;
  readonly value: number | boolean | string;
}

/** The points of all curves, in the configuration's order. */
export function sweepVariants({
  sweep,
  ...own
}: Pick<SweepConfig, "sweep" | "decoder" | "decoder_options">): SweepVariant[] {
  const points = sweep.flatMap((curve) => {
    const { decoder = own.decoder } = curve;
    const shared = decoder === own.decoder ? own.decoder_options : {};
    const method = curve.method ?? decoder ?? "usual";
    return valuesOf(curve).map((value): SweepVariant => {
      const label = `${sweep.length > 1 ? `${method} ` : ""}${curve.option}=${value}`;
      const decoder_options = { ...shared, ...curve.decoder_options, [curve.option]: value };
      return { label, method, option: curve.option, value, decoder, decoder_options };
    });
  });
  const labels = points.map(({ label }) => label);
  const twice = labels.find((label, i) => labels.indexOf(label) !== i);
  if (twice === undefined) return points;
  throw new ConfigError(`the sweep has ${twice} twice; name the curves apart with method: NAME`, { twice });
}

function valuesOf({ values, from, to, count }: CurveConfig): readonly (number | boolean | string)[] {
  if (values !== undefined) return values;
  // Decimal steps such as 0.1 are meant as they are written.
  return Array.from({ length: count! }, (_, i) =>
    Number((from! + ((to! - from!) * i) / (count! - 1)).toPrecision(12)),
  );
}

/** A measured point. */
export interface SweepPoint {
  readonly method: string;
  readonly option: string;
  readonly value: number | boolean | string;
  readonly tokens_per_forward: number;
  readonly forwards_per_answer: number;
  readonly score: number;
  readonly low: number;
  readonly high: number;
}

export interface SweepTask {
  readonly metric: string;
  readonly is_share: boolean;
  readonly points: readonly SweepPoint[];
}

export interface Swept {
  readonly tasks: Readonly<Record<string, SweepTask>>;
  /** Of the tasks whose main metric is a share of right answers; undefined if there are none. */
  readonly aup: AupReport | undefined;
  /** By point, in the variants' order. */
  readonly written: readonly WrittenResults[];
}

export const curvesName = "curves.yaml";

/** Writes every point's results into a folder of its own, and the curves beside them. */
export async function writeSweep(evaluated: Evaluated, variants: readonly SweepVariant[]): Promise<Swept> {
  const { outcomes } = evaluated;
  const { out } = evaluated.config;
  const written: WrittenResults[] = [];
  for (const [setting, { label }] of variants.entries()) {
    written.push(await writeResults(evaluated, { setting, folder: join(out, folderName(label)) }));
  }
  const tasks = Object.fromEntries(
    evaluated.plan.tasks.flatMap(({ name }, at) => {
      const points = outcomes.map((own) => own[at]!);
      return points.some(({ decoding }) => decoding === undefined) ? [] : [[name, taskOf(points, variants)]];
    }),
  );
  const text = curvesText(outcomes, variants);
  if (text !== undefined) writeWhole(join(out, curvesName), text);
  const aup =
    text === undefined ? undefined : aupReport(new Map([["curves", parseAupFile(text, curvesName)]]));
  writeWhole(join(out, "sweep.json"), jsonText({ tasks }));
  await writeReport(evaluated, written, { tasks, aup });
  return { tasks, aup, written };
}

export const folderName = (label: string): string => label.replace(/[^\w.+=-]+/g, "_");

/** The points of one task, by the variants that they were measured under. */
export function taskOf(outcomes: readonly TaskOutcome[], variants: readonly SweepVariant[]): SweepTask {
  const [main] = outcomes[0]!.metrics;
  const points = outcomes.map(({ metrics, decoding }, at): SweepPoint => {
    const { method, option, value } = variants[at]!;
    const { mean: score, low, high } = metrics[0]!;
    const { tokens_per_forward, forwards_per_answer } = decoding!;
    return { method, option, value, tokens_per_forward, forwards_per_answer, score, low, high };
  });
  return { metric: main!.name, is_share: main!.isShare, points };
}

/** Task → method → points, in per cent; undefined if no task has shares. */
export function curvesText(
  outcomes: readonly (readonly TaskOutcome[])[],
  variants: readonly SweepVariant[],
): string | undefined {
  const document = new Document({});
  for (const [setting, own] of outcomes.entries()) {
    const { method, option, value } = variants[setting]!;
    for (const outcome of own) {
      const [main] = outcome.metrics;
      if (main?.isShare !== true || outcome.decoding === undefined) continue;
      const { tokens_per_forward: tpf } = outcome.decoding;
      const point = document.createNode({ tpf, accuracy: 100 * main.mean }) as YAMLMap;
      const verdicts = verdictsOf(outcome)?.map(Number);
      if (verdicts !== undefined) point.set("verdicts", document.createNode(verdicts, { flow: true }));
      point.commentBefore = ` ${option}=${value}`;
      const known = document.getIn([outcome.name, method]);
      if (isSeq(known)) known.add(point);
      else document.setIn([outcome.name, method], document.createNode([point]));
    }
  }
  if (isMap(document.contents) && document.contents.items.length === 0) return undefined;
  document.commentBefore =
    " Accuracy in per cent over tokens per forward (tpf): `unmask aup` scores such files.";
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}
