// Scores of whole files of curves: every method of every task, and averages.
//
// y_max of a task is the best accuracy of any method and any point in the same file, unless it is given. An average
// over tasks is a mean over those that a method has; the leaderboard's own script adds up the scores of all files and
// divides by 5 whatever their number (main.py), and that is given beside it under its own name. A method without a
// score on one of its tasks has no average: leaving that task out would reward it.

import { DataError, UsageError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { aup, aupDefaults, aupWeight, curveWarnings } from "./aup.ts";
import type { AupFile, FileMethod, FileTask } from "./aup-file.ts";
import { bootstrapCurve, type CurveIntervals, defaultResamples, type JudgedPoint } from "./bootstrap.ts";

export interface ReportOptions {
  readonly alpha?: number | undefined;
  readonly offset?: number | undefined;
  /** Best accuracy by name of a task, above what the files say. */
  readonly best?: ReadonlyMap<string, number> | undefined;
  /** Of the intervals; 0 by default. */
  readonly seed?: number | undefined;
  readonly resamples?: number | undefined;
}

export interface MethodScore {
  readonly name: string;
  readonly points: FileMethod["points"];
  /** W at each point. */
  readonly weights: readonly number[];
  /** Absent where `problem` says why. */
  readonly aup?: number | undefined;
  readonly problem?: string | undefined;
  readonly warnings: readonly string[];
  /** Where there are verdicts at every point. */
  readonly intervals?: CurveIntervals | undefined;
}

export interface TaskScores {
  /** Name of the file, or of the data set in it. */
  readonly dataset: string;
  readonly name: string;
  readonly best: number;
  readonly methods: readonly MethodScore[];
}

export interface MethodAverage {
  readonly name: string;
  readonly tasks: number;
  readonly scored: number;
  /** Over all its tasks; absent if one has no score. */
  readonly mean?: number | undefined;
  /** What the leaderboard's script prints: the sum over all files, divided by 5. */
  readonly sumOverFive?: number | undefined;
}

export interface AupReport {
  readonly alpha: number;
  readonly offset: number;
  readonly seed: number;
  readonly resamples: number;
  readonly tasks: readonly TaskScores[];
  readonly averages: readonly MethodAverage[];
}

/** Scores files, by the name that their tasks get in the report. */
export function aupReport(files: ReadonlyMap<string, AupFile>, options: ReportOptions = {}): AupReport {
  const all = [...files.values()];
  const alpha = options.alpha ?? shared(all, "alpha");
  const offset = options.offset ?? shared(all, "offset");
  const { seed = 0, resamples = defaultResamples } = options;
  refuseUnknownTasks(all, options.best);
  const settings = { alpha, offset, seed, resamples };
  const label = labels(files);
  const tasks = [...files].flatMap(([name, file]) =>
    file.tasks.map((task) => taskScores(task, { ...settings, dataset: label(name, task), ...options })),
  );
  return { ...settings, tasks, averages: averagesOf(tasks) };
}

/** Name of a task's data set, that of the file in front where another file has one of that name. */
function labels(files: ReadonlyMap<string, AupFile>): (file: string, task: FileTask) => string {
  const own = [...files].map(([name, { tasks }]) => new Set(tasks.map(({ dataset }) => dataset ?? name)));
  return (file, { dataset }) => {
    if (dataset === undefined) return file;
    return own.filter((names) => names.has(dataset)).length > 1 ? `${file}/${dataset}` : dataset;
  };
}

/** The value that files agree on; a default counts as a value. */
function shared(files: readonly AupFile[], key: "alpha" | "offset"): number {
  const values = [...new Set(files.map((file) => file[key] ?? aupDefaults[key]))];
  if (values.length > 1) {
    throw new UsageError(
      `the files say ${key} ${values.join(" and ")}, and such scores cannot be compared; give one with --${key}`,
    );
  }
  return values[0] ?? aupDefaults[key];
}

function refuseUnknownTasks(files: readonly AupFile[], best: ReportOptions["best"]): void {
  const names = files.flatMap(({ tasks }) => tasks.map(({ name }) => name));
  for (const name of best?.keys() ?? []) {
    if (names.includes(name)) continue;
    const hint = didYouMean(name, names) || `; there are ${[...new Set(names)].join(", ")}`;
    throw new UsageError(`no task is called "${name}"${hint}`, { name });
  }
}

interface TaskOptions extends ReportOptions {
  readonly dataset: string;
}

function taskScores(task: FileTask, options: TaskOptions): TaskScores {
  const accuracies = task.methods.flatMap(({ points }) => points.map(({ accuracy }) => accuracy));
  const possible = accuracies.filter((accuracy) => accuracy >= 0 && accuracy <= 100);
  const best = options.best?.get(task.name) ?? task.best ?? Math.max(0, ...possible);
  const methods = task.methods.map((method) => methodScore(method, { ...options, bestAccuracy: best }));
  return { dataset: options.dataset, name: task.name, best, methods };
}

function methodScore(method: FileMethod, options: TaskOptions & { bestAccuracy: number }): MethodScore {
  const { name, points, stated, problem } = method;
  const { alpha, offset, seed = 0, resamples } = options;
  const score = { best: options.bestAccuracy, alpha, offset };
  const plain = { name, points, weights: points.map(({ accuracy }) => aupWeight(accuracy, score)) };
  if (problem !== undefined) return { ...plain, problem, warnings: [] };
  try {
    const found = aup(points, score);
    const judged = points.filter(
      (point): point is typeof point & JudgedPoint => point.verdicts !== undefined,
    );
    const intervals =
      judged.length === points.length ? bootstrapCurve(judged, score, { seed, resamples }) : undefined;
    const warnings = [
      ...curveWarnings(points, offset),
      ...intervalWarnings(intervals),
      ...(stated === undefined || Math.abs(found - stated) <= 1e-3
        ? []
        : [`the file states an AUP of ${stated}; its points give ${found.toFixed(4)}`]),
    ];
    return { ...plain, aup: found, warnings, intervals };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { ...plain, problem: error.message, warnings: [] };
  }
}

function intervalWarnings(intervals: CurveIntervals | undefined): string[] {
  if (intervals === undefined) return [];
  const { unscored, resamples, accuracy } = intervals;
  const warnings: string[] = [];
  if (unscored > 0) {
    warnings.push(`${unscored} of ${resamples} resamples have no score; the interval is that of the others`);
  }
  if (accuracy.some(({ low, high }) => low === high)) {
    warnings.push("the verdicts of a point are all alike: its interval has no width, which is too narrow");
  }
  return warnings;
}

function averagesOf(tasks: readonly TaskScores[]): MethodAverage[] {
  const scores = new Map<string, (number | undefined)[]>();
  for (const method of tasks.flatMap(({ methods }) => methods)) {
    scores.set(method.name, [...(scores.get(method.name) ?? []), method.aup]);
  }
  const averages = [...scores].map(([name, all]): MethodAverage => {
    const scored = all.filter((score) => score !== undefined);
    const counts = { name, tasks: all.length, scored: scored.length };
    if (scored.length < all.length) return counts;
    const sum = scored.reduce((total, score) => total + score, 0);
    return { ...counts, mean: sum / all.length, sumOverFive: sum / 5 };
  });
  return averages.sort((a, b) => (b.mean ?? -1) - (a.mean ?? -1));
}
