// A prepared batch through a network: the one place where objectives meet tensors.

import { mul, type ProductDtype, sum, type Tensor, tensor } from "@unmask/torch";
import type { NoiseProcess } from "../diffusion/noise.ts";
import type { Network } from "../models/family.ts";
import type { MaskedBatch } from "./masked-batch.ts";

export interface MaskedLossOptions {
  readonly noise: NoiseProcess;
  readonly products?: ProductDtype | undefined;
  /** Size of the global batch that this one is a part of; the batch's own by default. */
  readonly total?: number | undefined;
}

export interface MaskedLoss {
  /** Σ weight · loss / total, a scalar with gradient; 0 where nothing is in the loss. */
  readonly loss: Tensor;
  /** Unweighted, in the batch's order. */
  readonly losses_N: Tensor;
}

const int64 = (values: ArrayLike<number>): BigInt64Array => BigInt64Array.from(Array.from(values), BigInt);

export function maskedLoss(network: Network, batch: MaskedBatch, options: MaskedLossOptions): MaskedLoss {
  const { noise, products, total = batch.size } = options;
  const [first] = network.parameters.values();
  const device = first?.device ?? "cpu";
  const { rows: B, length: L, real, places, allowed } = batch;
  const ids = (values: ArrayLike<number>, shape?: number[]) => tensor(int64(values), shape, { device });
  const flags = (values: Uint8Array, shape: number[]) => tensor(values, shape, { dtype: "bool", device });
  const logits_NV = network.logits(ids(batch.ids, [B, L]), ids(batch.reads), {
    products,
    padding: real === undefined ? undefined : flags(real, [B, L]),
    positions: places === undefined ? undefined : ids(places, [B, L]),
    visibility: allowed === undefined ? undefined : { kind: "explicit", allowed: flags(allowed, [L, L]) },
  });
  const { dtype } = logits_NV;
  const losses_N = noise.losses(logits_NV, {
    targets_N: ids(batch.targets),
    noisy_N: ids(batch.noisy),
    alpha_N: tensor(batch.times.map(noise.schedule.alpha), undefined, { dtype, device }),
  });
  const shares = batch.weights.map((weight) => weight / Math.max(1, total));
  return { loss: sum(mul(losses_N, tensor(shares, undefined, { dtype, device }))), losses_N };
}
