// Certainty forcing (dParallel; d3LLM's "entropy regularisation"): where the network already predicts the right token it
// is made surer of it, so that more tokens pass a decoder's threshold at once.
//
//   H_p = entropy of softmax(z_p / T), nats;   certainty term = mean of H_p over { scored p : argmax z_p = y_p }
//
// The gradient goes through the probabilities; which positions count is decided without one.
//
// Letters: N scored positions, V vocabulary, G groups that means are taken over.

import {
  argmax,
  clamp,
  crossEntropyLoss,
  detach,
  div,
  eq,
  exp,
  indexAdd,
  logSoftmax,
  mul,
  neg,
  sumDim,
  type Tensor,
  toDtype,
  zeros,
} from "@unmask/torch";

export interface RowTerms {
  readonly crossEntropy_N: Tensor;
  readonly entropy_N: Tensor;
  /** 1 where the likeliest token is the right one; no gradient. */
  readonly correct_N: Tensor;
}

/** What each row of logits contributes, by itself: rows may be computed in any number of pieces. */
export function rowTerms(logits_NV: Tensor, targets_N: Tensor, temperature: number): RowTerms {
  // From log-softmax: no logarithm of a probability that may be 0, and no difference of large numbers.
  const log_NV = logSoftmax(div(logits_NV, temperature), -1);
  return {
    crossEntropy_N: crossEntropyLoss(logits_NV, targets_N, { reduction: 0 }),
    entropy_N: neg(sumDim(mul(exp(log_NV), log_NV), 1)),
    correct_N: toDtype(eq(argmax(detach(logits_NV), { dim: -1 }), targets_N), logits_NV.dtype),
  };
}

/** Mean of the values of each group over the rows that count (1 or 0); 0 for a group without any. */
export function groupMeans(
  values_N: Tensor,
  { counted_N, group_N, groups }: { counted_N: Tensor; group_N: Tensor; groups: number },
): Tensor {
  const none_G = zeros([groups], { dtype: values_N.dtype, device: values_N.device });
  const sum_G = indexAdd(none_G, 0, group_N, mul(values_N, counted_N));
  return div(sum_G, clamp(indexAdd(none_G, 0, group_N, counted_N), { min: 1 }));
}
