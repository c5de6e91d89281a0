// T3D's x̂: what the reference writes in one forward, each position by itself, from softmax(logits / temperature).
//
// The published code adds Gumbel noise, argmax of exp(z) / (−ln u)^T; that is the same law, and gumbelRace() in
// diffusion/released.ts its arithmetic. Here one uniform number a position, keyed by (seed, example, column), draws by
// inverse CDF; temperature 0 takes the most probable token, the lowest of equals.
//
// Letters: M rows, V vocabulary.

import { amax, argmax, div, exp, squeeze, sub, type Tensor, tensor, unsqueeze } from "@unmask/torch";
import { streams, uniform } from "../base/rng.ts";
import { drawInverseCdf } from "../diffusion/draw.ts";
import type { Place } from "../train/method.ts";

export interface DrawPlace {
  /** Of each row: its answer in the batch, and its column there. */
  readonly answers: Int32Array;
  readonly columns: Int32Array;
  readonly place: Pick<Place, "seed" | "examples">;
  /** Which draw of the step, from 0. */
  readonly index: number;
}

/** Tokens int64 [M] of logits [M, V]. */
export type FakeDraw = (logits_MV: Tensor, where: DrawPlace) => Tensor;

export const fakeDraw =
  (temperature: number): FakeDraw =>
  (logits_MV, { answers, columns, place, index }) => {
    if (temperature === 0) return argmax(logits_MV, { dim: -1 });
    const source = { seed: place.seed, stream: streams.token };
    const uniforms = Float64Array.from(columns, (column, n) =>
      uniform(source, place.examples[answers[n]!]!, index, column),
    );
    const scaled_MV = div(sub(logits_MV, amax(logits_MV, { dim: -1, keepdim: true })), temperature);
    const { device } = logits_MV;
    const uniforms_M1 = unsqueeze(tensor(uniforms, undefined, { dtype: "float64", device }), 1);
    return squeeze(drawInverseCdf(exp(scaled_MV), uniforms_M1), 1);
  };
