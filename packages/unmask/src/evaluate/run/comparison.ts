// Several models on the same questions, beside each other: a teacher and its students under the same decoder settings.

import { tokenizerOf } from "../../generate/load.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";
import type { Trajectory } from "../../trajectory/record.ts";
import { aupDefaults } from "../aup.ts";
import { type FileMethod, type FileTask, parseAupFile } from "../aup-file.ts";
import { type AupReport, aupReport } from "../aup-report.ts";
import { type MeanInterval, meanInterval } from "../intervals.ts";
import { distinct, unigramEntropy } from "../text-statistics.ts";
import type { MetricOutcome, Row, TaskOutcome } from "./outcome.ts";
import type { Evaluated } from "./run.ts";
import {
  curvesName,
  curvesText,
  type SweepPoint,
  type SweepTask,
  type SweepVariant,
  taskOf,
} from "./sweep.ts";

/** How varied texts are: a model may score well by writing one text again and again. */
export interface Variety {
  /** Of a text's own token frequencies, nats, mean over texts. */
  readonly entropy: Pick<MeanInterval, "mean" | "low" | "high">;
  /** Different pairs of neighbouring tokens, as a share of all. */
  readonly distinctPairs: number;
}

export interface ComparedPoint extends SweepPoint, Variety {
  /** Figures beside the score, as they are shown. */
  readonly beside: Readonly<Record<string, string>>;
}

/** One prompt and what became of it. */
export interface ComparedExample {
  readonly prompt: string;
  readonly answers: readonly {
    readonly label: string;
    readonly trajectory: Trajectory;
    readonly text: string;
    /** Right or wrong and why; "" where nobody judges. */
    readonly verdict: string;
  }[];
}

export interface Comparison extends Omit<SweepTask, "points"> {
  /** In headings and file names. */
  readonly name: string;
  /** What was asked of whom. */
  readonly about: string;
  readonly points: readonly ComparedPoint[];
  /** Where the score is a share and a curve has one. */
  readonly aup?: AupReport | undefined;
  /** For `unmask aup`. */
  readonly curves?: string | undefined;
  readonly examples: readonly ComparedExample[];
  readonly tokenizer: Tokenizer;
}

export interface ComparedRun {
  /** Of the model. */
  readonly method: string;
  readonly evaluated: Evaluated;
  /** The settings that it was evaluated under. */
  readonly variants: readonly SweepVariant[];
}

export interface ComparisonOptions {
  readonly name: string;
  readonly about: string;
  readonly seed: number;
  /** Questions that are replayed: the first. */
  readonly examples?: number | undefined;
}

/** Compares runs over the first task of each; all have the same questions and the same settings. */
export function compareRuns(runs: readonly ComparedRun[], options: ComparisonOptions): Comparison {
  const { seed, examples = 4, ...told } = options;
  const lines = runs.flatMap(({ method, evaluated, variants }) =>
    variants.map((variant, setting) => ({
      variant: { ...variant, method },
      outcome: evaluated.outcomes[setting]![0]!,
    })),
  );
  const outcomes = lines.map(({ outcome }) => outcome);
  const variants = lines.map(({ variant }) => variant);
  const task = taskOf(outcomes, variants);
  const curves = curvesText(
    outcomes.map((one) => [one]),
    variants,
  );
  return {
    ...{ ...told, ...task, curves, tokenizer: tokenizerOf(runs[0]!.evaluated.model) },
    points: task.points.map((point, at) => ({
      ...point,
      ...varietyOf(writtenIds(outcomes[at]!), seed),
      beside: besideOf(outcomes[at]!.metrics),
    })),
    aup: curves === undefined ? undefined : reportOf(parseAupFile(curves, curvesName).tasks),
    examples: runs[0]!.evaluated.outcomes[0]![0]!.rows.slice(0, examples).map(({ item }) =>
      exampleOf(runs, item),
    ),
  };
}

export function varietyOf(texts: readonly (readonly number[])[], seed: number): Variety {
  const whole = texts.filter(({ length }) => length > 0);
  const entropies = whole.map(unigramEntropy);
  const entropy = entropies.length === 0 ? { mean: 0, low: 0, high: 0 } : meanInterval(entropies, seed);
  return { entropy, distinctPairs: distinct(whole, 2) };
}

const writtenIds = ({ rows }: TaskOutcome): number[][] =>
  rows.flatMap(({ written }) =>
    written.map(({ trajectory, tokens }) => trajectory.token_ids.slice(0, tokens)),
  );

const besideOf = (metrics: readonly MetricOutcome[]): Record<string, string> =>
  Object.fromEntries(
    metrics.slice(1).map(({ name, mean, isShare }) => {
      const [metric = name] = name.split(",");
      return [metric.replaceAll("_", " "), isShare ? `${(100 * mean).toFixed(1)} %` : mean.toFixed(3)];
    }),
  );

/**
 * A curve has a score up to its last point that is within the offset of its first: behind that, fewer forwards are paid
 * for with more than the measure allows.
 */
function reportOf(tasks: readonly FileTask[]): AupReport {
  const cut = (method: FileMethod): FileMethod => {
    const sorted = [...method.points].sort((a, b) => a.parallelism - b.parallelism);
    const bar = (sorted[0]?.accuracy ?? 0) - aupDefaults.offset;
    return {
      ...method,
      points: sorted.slice(0, sorted.findLastIndex(({ accuracy }) => accuracy >= bar) + 1),
    };
  };
  const kept = tasks.map((task) => ({ ...task, methods: task.methods.map(cut) }));
  return aupReport(new Map([["curves", { tasks: kept }]]));
}

/** The first model slowly, then all of them at the setting two thirds down the list. */
function exampleOf(runs: readonly ComparedRun[], item: number): ComparedExample {
  const [first] = runs as [ComparedRun];
  const fast = Math.floor((2 * first.variants.length) / 3);
  const shown = [{ run: first, setting: 0 }, ...runs.map((run) => ({ run, setting: fast }))];
  const asked = first.evaluated.outcomes[0]![0]!.planned.task.items[item]!;
  return {
    prompt: "prompt" in asked ? asked.prompt.text : "",
    answers: shown.flatMap(({ run, setting }) => {
      const { option, value } = run.variants[setting]!;
      const row = run.evaluated.outcomes[setting]![0]!.rows[item]!;
      return answersOf(row, `${run.method}, ${option} ${value}`);
    }),
  };
}

const answersOf = ({ written, graded }: Row, label: string) =>
  written.map(({ trajectory, text }, at) => {
    const { correct = true, reason = "" } = graded.verdicts[at] ?? {};
    return { label, trajectory, text, verdict: correct ? "right" : `wrong: ${reason}` };
  });
