// What a network's logits are made of at the rows of a batch that are read, for losses by chunks of the vocabulary.

import { type Device, type ProductDtype, type Recompute, type Tensor, tensor } from "@unmask/torch";
import { UnsupportedError } from "../base/errors.ts";
import type { HeadRows } from "../diffusion/head-chunks.ts";
import type { Network } from "../models/family.ts";
import type { MaskedBatch } from "../train/masked-batch.ts";

/** Of a batch what is fed and read. */
export type Read = Pick<MaskedBatch, "rows" | "length" | "ids" | "reads" | "real">;

export interface ReadOptions {
  readonly products: ProductDtype;
  readonly recompute?: Recompute | undefined;
  /** Noise level of each row, for networks that are told. */
  readonly sigmas?: readonly number[] | undefined;
}

export const deviceOf = (network: Network): Device =>
  network.parameters.values().next().value?.device ?? "cpu";

/** int64 on a device. */
export const idTensor = (values: ArrayLike<number>, device: Device, shape?: readonly number[]): Tensor =>
  tensor(BigInt64Array.from(Array.from(values), BigInt), shape, { device });

export function headRows(
  network: Network,
  { rows: B, length: L, ids, reads, real }: Read,
  { products, recompute, sigmas }: ReadOptions,
): HeadRows {
  if (network.headRows === undefined) {
    throw new UnsupportedError(
      "this network only judges texts and cannot be distilled; use one that fills in masks",
    );
  }
  const device = deviceOf(network);
  const padding = real === undefined ? undefined : tensor(real, [B, L], { dtype: "bool", device });
  const sigma_B = sigmas === undefined ? undefined : tensor(Float32Array.from(sigmas), [B], { device });
  const forward = { products, recompute, padding, sigma_B };
  return network.headRows(idTensor(ids, device, [B, L]), idTensor(reads, device), forward);
}
