// Confidence intervals by bootstrap (Efron 1979, percentile method): questions are drawn with replacement and the whole
// curve is computed again, all its points from the same questions.
//
// - The questions of resample r depend on (seed, r) and on their number alone: two methods that answered the same
//   questions are resampled alike.
// - y_max stays what it is: it belongs to the task, not to the method.
// - Resamples whose curve has no score (it ends below its bar) are counted, and no part of the interval.
// - Verdicts that are all alike give an interval of width 0: a bootstrap cannot see what was never drawn.

import { DataError, UsageError } from "../base/errors.ts";
import { fillUniform, streams } from "../base/rng.ts";
import { type AupOptions, aup, type CurvePoint, endsBelowBar } from "./aup.ts";

/** One point of a curve, question by question. */
export interface JudgedPoint {
  readonly parallelism: number;
  /** Of the same questions in the same order at every point. */
  readonly verdicts: readonly boolean[];
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  readonly seed: number;
  /** 2,000 by default. */
  readonly resamples?: number | undefined;
  /** 0.95 by default. */
  readonly level?: number | undefined;
}

export interface CurveIntervals {
  /** Per cent, point by point. */
  readonly accuracy: readonly Interval[];
  /** Absent if no resample has a score. */
  readonly aup: Interval | undefined;
  readonly resamples: number;
  /** Resamples without a score. */
  readonly unscored: number;
}

export const defaultResamples = 2000;

/** Per cent of right answers. */
export function accuracyOf(verdicts: readonly boolean[]): number {
  return (100 * verdicts.filter(Boolean).length) / verdicts.length;
}

export function bootstrapCurve(
  points: readonly JudgedPoint[],
  score: AupOptions,
  { seed, resamples = defaultResamples, level = 0.95 }: BootstrapOptions,
): CurveIntervals {
  const questions = checkedQuestions(points);
  if (!Number.isSafeInteger(resamples) || resamples < 1) {
    throw new UsageError(`${resamples} resamples; give a whole number of at least 1`, { resamples });
  }
  if (!(level > 0 && level < 1)) throw new UsageError(`the level is ${level}; give a share such as 0.95`);
  const draws = new Float64Array(questions);
  const right = points.map(({ verdicts }) => Uint8Array.from(verdicts, Number));
  const accuracies = points.map(() => new Float64Array(resamples));
  const scores: number[] = [];
  for (let resample = 0; resample < resamples; resample++) {
    fillUniform(draws, { seed, stream: streams.resample }, resample, 0);
    const drawn = points.map(({ parallelism }, at): CurvePoint => {
      let count = 0;
      for (const draw of draws) count += right[at]![Math.floor(draw * questions)]!;
      const accuracy = (100 * count) / questions;
      accuracies[at]![resample] = accuracy;
      return { parallelism, accuracy };
    });
    if (!endsBelowBar(drawn, score.offset)) scores.push(aup(drawn, score));
  }
  return {
    accuracy: accuracies.map((values) => middle(values, level)),
    aup: scores.length === 0 ? undefined : middle(Float64Array.from(scores), level),
    resamples,
    unscored: resamples - scores.length,
  };
}

function checkedQuestions(points: readonly JudgedPoint[]): number {
  const questions = points[0]?.verdicts.length ?? 0;
  if (questions === 0) throw new DataError("there are no verdicts; give one a question");
  for (const { parallelism, verdicts } of points) {
    if (verdicts.length === questions) continue;
    throw new DataError(
      `${verdicts.length} verdicts at parallelism ${parallelism}, ${questions} at the first point; judge the same questions at every point`,
    );
  }
  return questions;
}

/** The middle share of the values, which are sorted for it. */
export function middle(values: Float64Array, level: number): Interval {
  values.sort();
  return { low: quantile(values, (1 - level) / 2), high: quantile(values, (1 + level) / 2) };
}

/** Between neighbours by straight lines (Hyndman and Fan's type 7, the usual one). */
function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  const above = sorted[Math.ceil(at)]!;
  return below + (at - Math.floor(at)) * (above - below);
}
