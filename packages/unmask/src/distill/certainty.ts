// Certainty forcing (dParallel; d3LLM's "entropy regularisation"): where the network already predicts the right token it
// is made surer of it, so that more tokens pass a decoder's threshold at once.
//
//   H_p = entropy of softmax(z_p / T), nats;   certainty term = mean of H_p over { scored p : argmax z_p = y_p }
//
// The gradient goes through the probabilities; which positions count is decided without one.
//
// Letters: N scored positions, G groups that means are taken over.

import { clamp, detach, div, ge, indexAdd, mul, neg, type Tensor, toDtype, zeros } from "@unmask/torch";
import type { HeadRows } from "../diffusion/head-chunks.ts";
import { rowStatistics, type StatisticsOptions } from "../diffusion/row-statistics.ts";

export interface CertaintyRows {
  readonly crossEntropy_N: Tensor;
  readonly entropy_N: Tensor;
  /** 1 where no token is likelier than the right one; no gradient. */
  readonly correct_N: Tensor;
}

export interface CertaintyOptions extends Pick<StatisticsOptions, "products" | "recompute" | "chunk"> {
  readonly temperature: number;
}

export function certaintyRows(
  rows: HeadRows,
  targets_N: Tensor,
  { temperature, ...how }: CertaintyOptions,
): CertaintyRows {
  const options = { ...how, targets: [targets_N], entropyTemperature: temperature };
  const { logProbabilities, entropy_N, largest_N } = rowStatistics(rows, options);
  const own_N = logProbabilities[0]!;
  return {
    crossEntropy_N: neg(own_N),
    entropy_N: entropy_N!,
    correct_N: toDtype(ge(detach(own_N), largest_N), own_N.dtype),
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
