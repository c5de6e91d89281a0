// Losses of masked diffusion.
//
// SUBS parameterisation (MDLM, §3.2): the network never predicts the mask (its logit is removed) and a visible
// token predicts itself with certainty. The continuous-time NELBO is then a weighted cross-entropy over the masked
// positions alone, so logits of visible positions are never computed:
//   NELBO / token = Σ_masked  w(t) · (−log p(x_i | z_t)) / (number of tokens),   w(t) = −alpha′ / (1 − alpha)
// Smoke test: uniform predictions over V − 1 tokens give (1 − ε) ln(V − 1) on average over t.
//
// Shapes: N masked positions of the batch, V vocabulary.

import { add, crossEntropyLoss, mul, sum, type Tensor } from "@unmask/torch";

/** Far below every logit; what MDLM subtracts from the mask's logit. */
const never = -1e6;

/** [V] with `never` at the mask and 0 elsewhere, to be added to logits. */
export function maskColumn(vocabularySize: number, maskId: number): Float32Array {
  const column = new Float32Array(vocabularySize);
  column[maskId] = never;
  return column;
}

export interface NelboBatch {
  /** True tokens of the masked positions, int64 [N]. */
  targets_N: Tensor;
  /** w(t) of each masked position's row divided by the number of tokens of the batch, float32 [N]. */
  weights_N: Tensor;
}

/**
 * Σ weight · (−log softmax(logits)[target]) over N rows, a scalar with gradient, and the unweighted losses (float32
 * [N]). 0, and differentiable, for no rows.
 */
export function weightedCrossEntropy(
  logits_NV: Tensor,
  { targets_N, weights_N }: NelboBatch,
): { loss: Tensor; losses_N: Tensor } {
  const losses_N = crossEntropyLoss(logits_NV, targets_N, { reduction: 0 });
  return { loss: sum(mul(losses_N, weights_N)), losses_N };
}

/**
 * NELBO in nats per token, a scalar with gradient, and the unweighted losses of the positions (float32 [N]).
 * `logits_NV` are raw network outputs of the masked positions; `maskColumn_V` removes the mask.
 */
export function nelbo(
  logits_NV: Tensor,
  maskColumn_V: Tensor,
  batch: NelboBatch,
): { loss: Tensor; losses_N: Tensor } {
  return weightedCrossEntropy(add(logits_NV, maskColumn_V), batch);
}
