// Pre-training on rows of equal length (MDLM): a row is noised at a time of its own, and every token may be in the loss.
// Times are stratified over the global batch; everything random is keyed by the example's number.

import { streams, uniform } from "../base/rng.ts";
import type { NoiseProcess } from "../diffusion/noise.ts";
import { stratifiedTime } from "../diffusion/time.ts";
import { drawColumns, joined } from "./answer-batch.ts";
import type { MaskedBatch } from "./masked-batch.ts";
import type { Place } from "./method.ts";

export interface RowOptions {
  readonly noise: NoiseProcess;
  /** The first token of every row is given: never noised, and no token of the loss (MDLM's ignore_bos). */
  readonly givenBegin?: boolean | undefined;
}

/** Where rows stand: what rowBatch() needs of a Place. */
export type RowPlace = Pick<Place, "seed" | "examples" | "first" | "count">;

/** Token ids of one row. */
export type Row = ArrayLike<number>;

/** The NELBO's batch, averaged over tokens. Throws a RangeError for rows of unequal lengths. */
export function rowBatch(
  rows: readonly Row[],
  { seed, examples, first, count }: RowPlace,
  { noise, givenBegin = false }: RowOptions,
): MaskedBatch {
  const length = rows[0]?.length ?? 0;
  const clean = new Int32Array(rows.length * length);
  rows.forEach((row, place) => {
    if (row.length !== length) {
      throw new RangeError(
        `rows of ${length} and of ${row.length} tokens in one batch; cut them to one length`,
      );
    }
    clean.set(row, place * length);
  });
  const times = examples.map((example, place) =>
    stratifiedTime(first + place, count, uniform({ seed, stream: streams.time }, example, 0, 0)),
  );
  const draws = examples.map((example) => drawColumns({ seed, noise }, example, length));
  if (givenBegin) for (const { uniforms } of draws) uniforms[0] = 1;
  const {
    ids,
    positions,
    rows: rowOf,
  } = noise.corrupt(clean, length, {
    times,
    uniforms: joined(draws.map(({ uniforms }) => uniforms)),
    choices: joined(draws.map(({ choices }) => choices)),
  });
  return {
    rows: rows.length,
    length,
    ids,
    reads: positions,
    targets: positions.map((flat) => clean[flat]!),
    noisy: positions.map((flat) => ids[flat]!),
    times: Float64Array.from(rowOf, (row) => times[row]!),
    weights: Float64Array.from(rowOf, (row) => noise.lossWeight(times[row]!)),
    size: rows.length * Math.max(0, length - (givenBegin ? 1 : 0)),
  };
}
