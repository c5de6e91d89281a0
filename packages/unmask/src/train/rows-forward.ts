// A prepared batch as the tensors of a forward.

import { type Device, type ProductDtype, type Recompute, type Tensor, tensor } from "@unmask/torch";
import type { ForwardOptions, Network } from "../models/family.ts";
import type { MaskedBatch } from "./masked-batch.ts";

/** What is fed; of MaskedBatch, what a forward reads. */
export type Feed = Pick<MaskedBatch, "rows" | "length" | "ids" | "reads" | "real" | "places" | "allowed">;

export const deviceOf = (network: Network): Device =>
  network.parameters.values().next().value?.device ?? "cpu";

/** int64 on a device. */
export const idTensor = (values: ArrayLike<number>, device: Device, shape?: readonly number[]): Tensor =>
  tensor(BigInt64Array.from(Array.from(values), BigInt), shape, { device });

export interface FeedOptions {
  readonly products?: ProductDtype | undefined;
  readonly recompute?: Recompute | undefined;
  /** How many of the rows are read, from the first. */
  readonly count?: number | undefined;
}

/** Logits [N, V] of the rows that are read. */
export function feedLogits(
  network: Network,
  feed: Feed,
  { count = feed.reads.length, ...how }: FeedOptions,
): Tensor {
  const device = deviceOf(network);
  const { rows: B, length: L } = feed;
  const reads_N = idTensor(feed.reads.subarray(0, count), device);
  return network.logits(idTensor(feed.ids, device, [B, L]), reads_N, forwardOptions(feed, device, how));
}

function forwardOptions(
  { rows: B, length: L, real, places, allowed }: Feed,
  device: Device,
  { products, recompute }: FeedOptions,
): ForwardOptions {
  const flags = (values: Uint8Array, shape: number[]) => tensor(values, shape, { dtype: "bool", device });
  return {
    ...{ products, recompute },
    padding: real === undefined ? undefined : flags(real, [B, L]),
    positions: places === undefined ? undefined : idTensor(places, device, [B, L]),
    visibility: allowed === undefined ? undefined : { kind: "explicit", allowed: flags(allowed, [L, L]) },
  };
}
