// A prepared batch as the tensors of a forward: logits of the rows that are read, or what they would be made of.

import { type Device, type ProductDtype, type Recompute, type Tensor, tensor } from "@unmask/torch";
import type { HeadRows } from "../diffusion/head-chunks.ts";
import type { ForwardOptions, Network } from "../models/family.ts";
import type { MaskedBatch } from "./masked-batch.ts";

/** Of a MaskedBatch what a forward takes. */
export type Feed = Pick<MaskedBatch, "rows" | "length" | "ids" | "reads" | "real" | "places" | "allowed">;

export interface FeedOptions {
  readonly products?: ProductDtype | undefined;
  readonly recompute?: Recompute | undefined;
  /** How many of the rows are read, from the first; all by default. */
  readonly count?: number | undefined;
}

/** Arguments of Network.logits() and headRows(). */
export interface FeedInputs {
  readonly ids_BL: Tensor;
  readonly reads_N: Tensor;
  readonly forward: ForwardOptions;
}

export const deviceOf = (network: Pick<Network, "parameters">): Device =>
  network.parameters.values().next().value?.device ?? "cpu";

/** int64 on a device. */
export const idTensor = (values: ArrayLike<number>, device: Device, shape?: readonly number[]): Tensor =>
  tensor(BigInt64Array.from(Array.from(values), BigInt), shape, { device });

export function feedInputs(network: Network, feed: Feed, options: FeedOptions): FeedInputs {
  const device = deviceOf(network);
  const { rows: B, length: L, real, places, allowed } = feed;
  const { products, recompute, count = feed.reads.length } = options;
  const flags = (values: Uint8Array, shape: number[]) => tensor(values, shape, { dtype: "bool", device });
  return {
    ids_BL: idTensor(feed.ids, device, [B, L]),
    reads_N: idTensor(feed.reads.subarray(0, count), device),
    forward: {
      products,
      recompute,
      padding: real === undefined ? undefined : flags(real, [B, L]),
      positions: places === undefined ? undefined : idTensor(places, device, [B, L]),
      visibility: allowed === undefined ? undefined : { kind: "explicit", allowed: flags(allowed, [L, L]) },
    },
  };
}

/** Logits [N, V] of the rows that are read. */
export function feedLogits(network: Network, feed: Feed, options: FeedOptions): Tensor {
  const { ids_BL, reads_N, forward } = feedInputs(network, feed, options);
  return network.logits(ids_BL, reads_N, forward);
}

/** More logits than this are not to be made at once: 256 MiB in float32. */
export const mostLogits = 2 ** 26;

export interface SizedFeedOptions extends FeedOptions {
  readonly vocabularySize: number;
  /** Logits that may be made at once; 2^26 by default. */
  readonly mostLogits?: number | undefined;
}

/** What the logits are made of, where they would be too many; undefined where they would not, or must be made. */
export function feedHeadRows(network: Network, feed: Feed, options: SizedFeedOptions): HeadRows | undefined {
  const { count = feed.reads.length, vocabularySize, mostLogits: most = mostLogits } = options;
  if (network.headRows === undefined || count * vocabularySize <= most) return undefined;
  const { ids_BL, reads_N, forward } = feedInputs(network, feed, options);
  return network.headRows(ids_BL, reads_N, forward);
}
