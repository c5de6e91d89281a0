// One batch of masked-diffusion training, made on the host. Everything random is keyed by the example's number
// in the run (its sequence coordinate), never by batch or worker.

import { fillUniform, streams, uniform } from "../base/rng.ts";
import { absorb, type Corrupted } from "../diffusion/corrupt.ts";
import { type NoiseSchedule, nelboWeight } from "../diffusion/schedule.ts";
import { stratifiedTime } from "../diffusion/time.ts";
import type { Rows } from "./data.ts";

export interface NoisyBatch {
  rows: number;
  length: number;
  corrupted: Corrupted;
  /** True token of each corrupted position. */
  targets: Int32Array;
  /** NELBO weight of each corrupted position over the tokens of the global batch. */
  weights: Float32Array;
}

export interface BatchOptions {
  seed: number;
  maskId: number;
  schedule: NoiseSchedule;
  /** Numbers of the examples in the run; `pick` gives the row of each. */
  examples: readonly number[];
  pick: (example: number) => number;
  /** The global batch these examples are a part of: all of it by default. */
  whole?: GlobalBatch | undefined;
  /** The first token of every row is given: never corrupted, and no token of the loss. */
  ignoreBos?: boolean | undefined;
}

/**
 * Where a part of a batch stands in the whole. Times are stratified, and losses averaged, over the whole: the losses of
 * its parts, made by accumulation steps or workers, add up to that of one batch.
 */
export interface GlobalBatch {
  /** Place of the part's first example. */
  readonly place: number;
  /** Examples of the whole. */
  readonly count: number;
}

/** Corrupts the picked rows at stratified times. */
export function noisyBatch(
  data: Rows,
  { seed, maskId, schedule, examples, pick, whole, ignoreBos = false }: BatchOptions,
): NoisyBatch {
  const { length } = data;
  const { place: first, count } = whole ?? { place: 0, count: examples.length };
  const clean = new Int32Array(examples.length * length);
  const uniforms = new Float32Array(clean.length);
  const times = examples.map((example, place) => {
    const row = pick(example);
    clean.set(data.ids.subarray(row * length, (row + 1) * length), place * length);
    const noise = uniforms.subarray(place * length, (place + 1) * length);
    fillUniform(noise, { seed, stream: streams.corruption }, example, 0);
    if (ignoreBos) noise[0] = 1;
    return stratifiedTime(first + place, count, uniform({ seed, stream: streams.time }, example, 0, 0));
  });
  const tokens = count * (ignoreBos ? length - 1 : length);
  const probabilities = times.map((t) => 1 - schedule.alpha(t));
  const corrupted = absorb(clean, length, { maskId, probabilities, uniforms });
  const scale = times.map((t) => nelboWeight(schedule, t) / tokens);
  return {
    rows: examples.length,
    length,
    corrupted,
    targets: Int32Array.from(corrupted.positions, (flat) => clean[flat]!),
    weights: Float32Array.from(corrupted.rows, (row) => scale[row]!),
  };
}
