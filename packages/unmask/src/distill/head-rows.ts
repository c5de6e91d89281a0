// What a network's logits are made of at the rows of a batch that are read, for losses by chunks of the vocabulary.

import { detach, noGrad, type ProductDtype, type Recompute, tensor } from "@unmask/torch";
import { UnsupportedError } from "../base/errors.ts";
import type { Head, HeadRows } from "../diffusion/head-chunks.ts";
import { maskColumn } from "../diffusion/objective.ts";
import type { Network } from "../models/family.ts";
import type { MaskedBatch } from "../train/masked-batch.ts";
import { deviceOf, idTensor } from "../train/rows-forward.ts";

/** Of a batch what is fed and read. */
export type Read = Pick<MaskedBatch, "rows" | "length" | "ids" | "reads" | "real">;

export interface ReadOptions {
  readonly products: ProductDtype;
  readonly recompute?: Recompute | undefined;
  /** Noise level of each row, for networks that are told. */
  readonly sigmas?: readonly number[] | undefined;
}

export function headRows(
  network: Pick<Network, "parameters" | "headRows">,
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

/** The head with the mask's column taken out. */
export function withoutMask(head: Head, maskId: number): Head {
  const { dtype, device, shape } = head.weight_VD;
  const column_V = tensor(maskColumn(shape[0]!, maskId), undefined, {
    dtype: dtype === "float64" ? dtype : "float32",
    device,
  });
  return { ...head, column_V };
}

/** A network's head, without gradients: what multiplies rows that were made before. */
export function headOf(network: Network, products: ProductDtype): Head {
  return noGrad(() => {
    const one = { rows: 1, length: 1, ids: Int32Array.of(0), reads: Int32Array.of(0) };
    const { weight_VD, bias_V } = headRows(network, one, { products }).head;
    return { weight_VD: detach(weight_VD), bias_V: bias_V && detach(bias_V) };
  });
}
