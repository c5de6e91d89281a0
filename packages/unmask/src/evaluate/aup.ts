// AUP, accuracy under parallelism (d3LLM): the area under the curve of weighted accuracy over tokens per forward.
// Reference for parity: hao-ai-lab/d3LLM e5bfcac, AUP_leaderboard/aup_utils.py, get_aup.
//
//   W(y) = min(exp(−alpha (1 − y / y_max)), 1)
//   AUP  = ρ₁ y₁ + Σ_{i ≥ 2} ½ (ρ_i − ρ_{i−1}) (y_i W(y_i) + y_{i−1} W(y_{i−1}))
//
// with the points in order of parallelism ρ (tokens per forward), y in per cent and y₁ the accuracy at the smallest ρ.
// Points below y₁ − offset are left out; a curve that ends below that bar has no score. The first term carries no
// weight. Points of equal ρ keep their order and add nothing between them.

import { DataError } from "../base/errors.ts";

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

/** The score of one method on one task. Throws a DataError for a curve that has none. */
export function aup(points: readonly CurvePoint[], { best, alpha = 3, offset = 5 }: AupOptions): number {
  const sorted = sortedCurve(points);
  const [first] = sorted as [CurvePoint];
  const last = sorted.at(-1)!;
  const bar = first.accuracy - offset;
  if (last.accuracy < bar) {
    throw new DataError(
      `the curve ends at ${last.accuracy} % (${last.parallelism} tokens a forward), more than ${offset} points below the ${first.accuracy} % it begins with; leave that point out`,
    );
  }
  const weighted = ({ accuracy }: CurvePoint) =>
    accuracy * Math.min(Math.exp(-alpha * (1 - accuracy / best)), 1);
  const kept = sorted.filter(({ accuracy }) => accuracy >= bar);
  let area = first.parallelism * first.accuracy;
  for (let i = 1; i < kept.length; i++) {
    const [before, here] = [kept[i - 1]!, kept[i]!];
    area += 0.5 * (here.parallelism - before.parallelism) * (weighted(here) + weighted(before));
  }
  return area;
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

/** What may be wrong with a curve that has a score: accuracies that look like fractions, equal parallelisms. */
export function curveWarnings(points: readonly CurvePoint[]): string[] {
  const warnings: string[] = [];
  if (points.some(({ accuracy }) => accuracy > 0 && accuracy < 1)) {
    warnings.push("an accuracy is below 1 %: are these fractions instead of per cent?");
  }
  if (new Set(points.map(({ parallelism }) => parallelism)).size < points.length) {
    warnings.push("two points have the same parallelism: the area between them is 0");
  }
  return warnings;
}
