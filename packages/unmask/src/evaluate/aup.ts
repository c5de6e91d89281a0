// AUP, accuracy under parallelism (d3LLM): the area under the curve of weighted accuracy over tokens per forward.
// Reference for parity: hao-ai-lab/d3LLM e5bfcac, AUP_leaderboard/aup_utils.py, get_aup.
//
//   W(y) = min(exp(−alpha (1 − y / y_max)), 1)
//   AUP  = ρ₁ y₁ + Σ_{i ≥ 2} ½ (ρ_i − ρ_{i−1}) (y_i W(y_i) + y_{i−1} W(y_{i−1}))
//
// with the points in order of parallelism ρ (tokens per forward), y in per cent and y₁ the accuracy at the smallest ρ.
// Points below y₁ − offset are left out; a curve that ends below that bar has no score. The first term carries no
// weight. Points of equal ρ keep their order and add nothing between them.
// Smoke test: (1, 74.02), (9.11, 73.09) with y_max 74.98 give 637.65.

import { DataError, UsageError } from "../base/errors.ts";

export interface CurvePoint {
  /** Tokens per forward, above 0. */
  readonly parallelism: number;
  /** Per cent, 0 to 100. */
  readonly accuracy: number;
}

export interface AupOptions {
  /** Best accuracy of any method on the task, per cent. */
  readonly best: number;
  /** How hard lost accuracy is punished; 3 by default. */
  readonly alpha?: number | undefined;
  /** Percentage points below the first that a point may lie; 5 by default. */
  readonly offset?: number | undefined;
}

export const aupDefaults = { alpha: 3, offset: 5 } as const;

/** The score of one method on one task. Throws a DataError for a curve that has none. */
export function aup(points: readonly CurvePoint[], options: AupOptions): number {
  const { alpha = aupDefaults.alpha, offset = aupDefaults.offset } = checked(options);
  const sorted = sortedCurve(points);
  const [first] = sorted as [CurvePoint];
  const last = sorted.at(-1)!;
  if (endsBelowBar(sorted, offset)) {
    throw new DataError(
      `the curve ends at ${short(last.accuracy)} % (${short(last.parallelism)} tokens a forward), more than ${offset} points below the ${short(first.accuracy)} % it begins with; leave that point out`,
    );
  }
  const weighted = ({ accuracy }: CurvePoint) => accuracy * aupWeight(accuracy, { ...options, alpha });
  const kept = sorted.filter(({ accuracy }) => accuracy >= first.accuracy - offset);
  let area = first.parallelism * first.accuracy;
  for (let i = 1; i < kept.length; i++) {
    const [before, here] = [kept[i - 1]!, kept[i]!];
    area += 0.5 * (here.parallelism - before.parallelism) * (weighted(here) + weighted(before));
  }
  return area;
}

/** W(y): 1 at the best accuracy and above it. An accuracy of 0 weighs nothing, also where no method has more. */
export function aupWeight(accuracy: number, { best, alpha = aupDefaults.alpha }: AupOptions): number {
  return accuracy === 0 ? Math.exp(-alpha) : Math.min(Math.exp(-alpha * (1 - accuracy / best)), 1);
}

/** Whether a curve has no score: its last point lies more than `offset` below its first. */
export function endsBelowBar(points: readonly CurvePoint[], offset: number = aupDefaults.offset): boolean {
  const sorted = sortedCurve(points);
  return sorted[0]!.accuracy - sorted.at(-1)!.accuracy > offset; // the reference's own comparison, to the last bit
}

function checked(options: AupOptions): AupOptions {
  const { best, alpha = aupDefaults.alpha, offset = aupDefaults.offset } = options;
  if (!(best >= 0 && best <= 100)) {
    throw new UsageError(`the best accuracy is ${best}; give per cent, 0 to 100`, { best });
  }
  if (!(alpha >= 0 && Number.isFinite(alpha))) {
    throw new UsageError(`alpha is ${alpha}; give a number of at least 0, such as 3`, { alpha });
  }
  if (!(offset >= 0 && offset <= 100)) {
    throw new UsageError(`the offset is ${offset}; give percentage points, 0 to 100, such as 5`, { offset });
  }
  return options;
}

function sortedCurve(points: readonly CurvePoint[]): CurvePoint[] {
  if (points.length === 0) throw new DataError("the curve has no points; give at least one");
  for (const { parallelism, accuracy } of points) {
    if (!(parallelism > 0) || !Number.isFinite(parallelism)) {
      throw new DataError(`a parallelism is ${parallelism}; give tokens per forward, above 0`);
    }
    if (!(accuracy >= 0 && accuracy <= 100)) {
      throw new DataError(`an accuracy is ${accuracy}; give per cent, 0 to 100`);
    }
  }
  return [...points].sort((a, b) => a.parallelism - b.parallelism);
}

const short = (value: number): number => Number(value.toFixed(3));

/** What may be wrong with a curve that has a score. Accuracies that come from verdicts are per cent for certain. */
export function curveWarnings(
  points: readonly (CurvePoint & { readonly verdicts?: readonly boolean[] | undefined })[],
  offset: number = aupDefaults.offset,
): string[] {
  const warnings: string[] = [];
  if (points.some(({ accuracy, verdicts }) => accuracy < 1 && verdicts === undefined)) {
    warnings.push("an accuracy is below 1 %: are these fractions instead of per cent?");
  }
  if (new Set(points.map(({ parallelism }) => parallelism)).size < points.length) {
    warnings.push("two points have the same parallelism: the area between them is 0");
  }
  const sorted = sortedCurve(points);
  const below = sorted.filter(({ accuracy }) => accuracy < sorted[0]!.accuracy - offset);
  if (below.length > 0) {
    const places = below
      .map(({ parallelism, accuracy }) => `${short(accuracy)} % at ${short(parallelism)}`)
      .join(", ");
    warnings.push(`more than ${offset} points below the first point, left out: ${places}`);
  }
  const start = sorted[0]!.parallelism;
  if (start > 1) {
    warnings.push(
      `the curve begins at ${short(start)} tokens a forward: the area below that is its accuracy times ${short(start)}, unweighted`,
    );
  }
  return warnings;
}
