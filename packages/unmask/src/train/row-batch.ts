// Pre-training on rows of equal length (MDLM): a row is noised at a time of its own, and every token behind its prompt may
// be in the loss (the prompt is a given beginning, MDLM's ignore_bos, or nothing). Times are stratified over the global
// batch; everything random is keyed by the example's number.

import { streams, uniform } from "../base/rng.ts";
import type { NoiseProcess } from "../diffusion/noise.ts";
import { stratifiedTime } from "../diffusion/time.ts";
import { drawColumns, joined } from "./answer-batch.ts";
import type { Answer, MaskedBatch } from "./masked-batch.ts";
import type { Place } from "./method.ts";

/** Where rows stand: what rowBatch() needs of a Place. */
export type RowPlace = Pick<Place, "seed" | "examples" | "first" | "count">;

/** The NELBO's batch, averaged over tokens. Throws a RangeError for rows of unequal lengths. */
export function rowBatch(
  rows: readonly Answer[],
  { seed, examples, first, count }: RowPlace,
  noise: NoiseProcess,
): MaskedBatch {
  const length = rows[0]?.ids.length ?? 0;
  const clean = new Int32Array(rows.length * length);
  rows.forEach(({ ids: row }, place) => {
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
  draws.forEach(({ uniforms }, row) => {
    uniforms.fill(1, 0, rows[row]!.promptLength);
  });
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
    size: rows.reduce((sum, { promptLength }) => sum + length - promptLength, 0),
  };
}
