// Intervals of what an evaluation measures: Wilson's for shares of right answers, a bootstrap over questions for other
// means.

import { fillUniform, streams } from "../base/rng.ts";
import { defaultResamples, type Interval, middle } from "./bootstrap.ts";

/** Share with its 95 % Wilson score interval. */
export function wilson(successes: number, total: number): { share: number; low: number; high: number } {
  const z = 1.959964;
  const share = successes / total;
  const centre = (share + z ** 2 / (2 * total)) / (1 + z ** 2 / total);
  const half =
    (z / (1 + z ** 2 / total)) * Math.sqrt((share * (1 - share)) / total + z ** 2 / (4 * total ** 2));
  // The ends are exact at 0 and 1; sums of floats miss them by a hair.
  const low = successes === 0 ? 0 : centre - half;
  const high = successes === total ? 1 : centre + half;
  return { share, low, high };
}

export interface MeanInterval extends Interval {
  readonly mean: number;
  /** Of the mean, by the sample's own spread (n − 1), as lm-evaluation-harness gives it; 0 for a single value. */
  readonly stderr: number;
  readonly method: "wilson" | "bootstrap";
}

/** Mean of one value a question, with its 95 % interval. The bootstrap depends on the seed and the number of values. */
export function meanInterval(values: readonly number[], seed: number): MeanInterval {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const spread = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const stderr = values.length < 2 ? 0 : Math.sqrt(spread / (values.length - 1) / values.length);
  if (values.every((value) => value === 0 || value === 1)) {
    const { low, high } = wilson(values.filter((value) => value === 1).length, values.length);
    return { mean, stderr, low, high, method: "wilson" };
  }
  return { mean, stderr, ...bootstrapMean(values, seed), method: "bootstrap" };
}

function bootstrapMean(values: readonly number[], seed: number): Interval {
  const draws = new Float64Array(values.length);
  const means = Float64Array.from({ length: defaultResamples }, (_, resample) => {
    fillUniform(draws, { seed, stream: streams.resample }, resample, 0);
    let sum = 0;
    for (const draw of draws) sum += values[Math.floor(draw * values.length)]!;
    return sum / values.length;
  });
  return middle(means, 0.95);
}
