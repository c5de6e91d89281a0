// The loss of one noisy batch on the device, and the NELBO of held-out rows.

import { item, noGrad, type ProductDtype, scope, type Tensor, tensor } from "@unmask/torch";
import { nelbo } from "../diffusion/objective.ts";
import type { NoiseSchedule } from "../diffusion/schedule.ts";
import type { Network } from "../models/family.ts";
import { type NoisyBatch, noisyBatch } from "./batch.ts";
import type { Rows } from "./data.ts";

export interface LossOptions {
  /** Removes the mask's logit, float32 [V]. */
  maskColumn: Tensor;
  products: ProductDtype;
}

const toInt64 = (values: Int32Array): BigInt64Array => BigInt64Array.from(values, BigInt);

/** NELBO in nats a token, a scalar with gradient. */
export function batchLoss(
  network: Network,
  batch: NoisyBatch,
  { maskColumn, products }: LossOptions,
): Tensor {
  const { device } = maskColumn;
  const ids_BL = tensor(toInt64(batch.corrupted.ids), [batch.rows, batch.length], { device });
  const positions_N = tensor(toInt64(batch.corrupted.positions), undefined, { device });
  const logits_NV = network.logits(ids_BL, positions_N, { products });
  return nelbo(logits_NV, maskColumn, {
    targets_N: tensor(toInt64(batch.targets), undefined, { device }),
    weights_N: tensor(batch.weights, undefined, { device }),
  }).loss;
}

export interface HeldOutOptions extends LossOptions {
  seed: number;
  maskId: number;
  schedule: NoiseSchedule;
  ignoreBos?: boolean | undefined;
  /** At most this many rows, from the first. */
  limit: number;
  /** Draws of noise a row (each with its own time). */
  draws: number;
}

const rowsAtOnce = 64;
/** Sequence numbers of evaluation noise lie beyond any training example's. */
const firstSequence = 2 ** 44;

/** Mean NELBO of held-out rows, nats a token; the same noise at every call. NaN without rows. */
export function heldOutNelbo(network: Network, rows: Rows, options: HeldOutOptions): number {
  const count = Math.min(rows.count, options.limit);
  let sum = 0;
  let weight = 0;
  for (let start = 0; start < count * options.draws; start += rowsAtOnce) {
    const size = Math.min(rowsAtOnce, count * options.draws - start);
    const examples = Array.from({ length: size }, (_, i) => firstSequence + start + i);
    const batch = noisyBatch(rows, {
      ...options,
      examples,
      pick: (example) => (example - firstSequence) % count,
    });
    sum += size * scope(() => noGrad(() => item(batchLoss(network, batch, options))));
    weight += size;
  }
  return sum / weight;
}
