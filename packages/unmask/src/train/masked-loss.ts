// A prepared batch through a network: the one place where objectives meet tensors.

import { mul, type ProductDtype, type Recompute, sum, type Tensor, tensor } from "@unmask/torch";
import { chunkedCrossEntropy } from "../diffusion/chunked-loss.ts";
import type { HeadRows } from "../diffusion/head-chunks.ts";
import type { NoiseProcess } from "../diffusion/noise.ts";
import type { Network } from "../models/family.ts";
import type { MaskedBatch } from "./masked-batch.ts";
import { feedHeadRows, feedLogits, idTensor } from "./rows-forward.ts";

export interface MaskedLossOptions {
  readonly noise: NoiseProcess;
  readonly products?: ProductDtype | undefined;
  readonly recompute?: Recompute | undefined;
  /** Size of the global batch that this one is a part of; the batch's own by default. */
  readonly total?: number | undefined;
  /** Logits that may be made at once; 2^26 by default. */
  readonly mostLogits?: number | undefined;
}

export interface MaskedLoss {
  /** Σ weight · loss / total, a scalar with gradient; 0 where nothing is in the loss. */
  readonly loss: Tensor;
  /** Unweighted, in the batch's order. */
  readonly losses_N: Tensor;
}

export function maskedLoss(network: Network, batch: MaskedBatch, options: MaskedLossOptions): MaskedLoss {
  const { noise, products, recompute, mostLogits, total = batch.size } = options;
  const shares = batch.weights.map((weight) => weight / Math.max(1, total));
  const how = { products, recompute, mostLogits, vocabularySize: noise.vocabularySize };
  const rows = noise.crossEntropy === undefined ? undefined : feedHeadRows(network, batch, how);
  if (rows !== undefined) return chunked(rows, batch, { ...options, shares });
  const logits_NV = feedLogits(network, batch, how);
  const { dtype, device } = logits_NV;
  const losses_N = noise.losses(logits_NV, {
    targets_N: idTensor(batch.targets, device),
    noisy_N: idTensor(batch.noisy, device),
    alpha_N: tensor(batch.times.map(noise.schedule.alpha), undefined, { dtype, device }),
  });
  return { loss: sum(mul(losses_N, tensor(shares, undefined, { dtype, device }))), losses_N };
}

function chunked(
  { hidden_ND, head }: HeadRows,
  batch: MaskedBatch,
  { noise, products, shares }: MaskedLossOptions & { shares: Float64Array },
): MaskedLoss {
  const { device } = hidden_ND;
  const dtype = head.weight_VD.dtype === "float64" ? "float64" : "float32";
  const column = noise.crossEntropy?.column;
  const column_V = column === undefined ? undefined : tensor(column, undefined, { dtype, device });
  const rows = {
    targets_N: idTensor(batch.targets, device),
    weights_N: tensor(shares, undefined, { dtype, device }),
  };
  return chunkedCrossEntropy(hidden_ND, { ...head, column_V }, rows, { products });
}
