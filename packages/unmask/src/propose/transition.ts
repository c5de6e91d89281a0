// Steps of the reverse process drawn whole, from {stay masked, tokens}, where a policy does not split the draw in two:
// the published guided sampler, whose networks may say "mask", and runs on the reference's own random numbers.
//
//   weight of token v: p(v) (alpha_s − alpha_t), of staying masked: 1 − alpha_s
//
// alpha = exp(−sigma), with sigma from the plan. Letters: N candidates, V vocabulary, M draws.

import { arange, eq, mul, type Tensor, tensor, where } from "@unmask/torch";
import type { Request } from "../decode/policies/policy.ts";
import { drawInverseCdf } from "../diffusion/draw.ts";
import { drawsOf, uniformsOf } from "./proposal.ts";

/** Weights [N, V] of the step that each request's plan makes; the mask's column is that of staying masked. */
export function transitionWeights(probability_NV: Tensor, requests: readonly Request[]): Tensor {
  const { device } = probability_NV;
  const moves: number[] = [];
  const stays: number[] = [];
  for (const { plan } of requests) {
    const { before, after } = plan.noise ?? { before: Number.POSITIVE_INFINITY, after: 0 };
    const [alphaT, alphaS] = [Math.exp(-before), Math.exp(-after)];
    for (let i = 0; i < plan.candidates.length; i++) {
      moves.push(alphaS - alphaT);
      stays.push(1 - alphaS);
    }
  }
  const column = (values: number[]) => tensor(Float32Array.from(values), [values.length, 1], { device });
  const { noiseId } = requests[0]!.canvas;
  const isMask_V = eq(arange(0, probability_NV.shape[1]!, { dtype: "int64", device }), noiseId);
  return where(isMask_V, column(stays), mul(probability_NV, column(moves)));
}

/** A proposer's `draw` that draws whole steps by inverse CDF, from the same uniform numbers as tokens are drawn from. */
export function drawTransition(
  seed: number,
): (probability_NV: Tensor, requests: readonly Request[]) => Tensor {
  return (probability_NV, requests) => {
    const draws = drawsOf(requests);
    const seeds = requests.map(() => seed);
    const uniforms = uniformsOf(requests, seeds, draws);
    const { device, shape } = probability_NV;
    const uniforms_NM = tensor(uniforms, [shape[0]!, draws], { device });
    return drawInverseCdf(transitionWeights(probability_NV, requests), uniforms_NM);
  };
}
