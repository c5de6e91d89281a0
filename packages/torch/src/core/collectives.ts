// torch.distributed as the addon offers it: a store, collectives between the processes that share it, and gradient
// buckets. src/distributed makes a world of it. Failures that a rank is to blame for are DistributedErrors.

import { put, take, torchError } from "./dispatch.ts";
import { DistributedError } from "./errors.ts";
import { native, type StoreAddress, type WorldOptions } from "./native.ts";
import type { Tensor } from "./tensor.ts";

export type { StoreAddress, WorldOptions } from "./native.ts";

function failure(name: string, error: unknown, values: readonly unknown[]): Error {
  const [, rank] = /^RANK(-?\d+)$/.exec(String((error as { code?: unknown }).code)) ?? [];
  if (rank === undefined) return torchError(name, error, values);
  return new DistributedError((error as Error).message, { rank: rank === "-1" ? undefined : Number(rank) });
}

async function attempt<Result>(
  name: string,
  values: readonly unknown[],
  body: () => Promise<Result>,
): Promise<Result> {
  try {
    return await body();
  } catch (error) {
    throw failure(name, error, values);
  }
}

/** What this libtorch was built with. */
export const distributedFacts = (): { gloo: boolean; nccl: boolean } => native.distributedFacts();

export const openStore = (options: StoreAddress): Promise<number> =>
  attempt("TCPStore", [], () => native.openStore(options));
export const closeStore = (store: number): Promise<void> =>
  attempt("TCPStore", [], () => native.closeStore(store));
export const storeSet = (store: number, key: string, text: string): Promise<void> =>
  attempt("TCPStore.set", [key], () => native.storeSet(store, key, text));
export const storeGet = (store: number, key: string): Promise<string | undefined> =>
  attempt("TCPStore.get", [key], () => native.storeGet(store, key));
export const storeAdd = (store: number, key: string, change: number): Promise<number> =>
  attempt("TCPStore.add", [key], () => native.storeAdd(store, key, change));
export const storeDelete = (store: number, key: string): Promise<boolean> =>
  attempt("TCPStore.deleteKey", [key], () => native.storeDelete(store, key));

export const joinWorld = (options: WorldOptions): Promise<void> =>
  attempt("joinWorld", [], () => native.joinWorld(options));
export const leaveWorld = (): Promise<void> => attempt("leaveWorld", [], () => native.leaveWorld());
/** Ends the job for every rank. Synchronous: the process may be ending. */
export const condemnWorld = (reason: string): void => native.condemnWorld(reason);

export const broadcastTensors = (tensors: readonly Tensor[], from: number): Promise<void> =>
  attempt("broadcast", tensors, () => {
    put(tensors, 0);
    return native.broadcast(from);
  });
export const allReduceTensors = (tensors: readonly Tensor[], largest: boolean): Promise<void> =>
  attempt("allReduce", tensors, () => {
    put(tensors, 0);
    return native.allReduce(largest);
  });
export const allGatherTensor = (tensor: Tensor): Promise<Tensor[]> =>
  attempt("allGather", [tensor], async () => {
    put(tensor, 0);
    return take(await native.allGather()) as Tensor[];
  });
export const meet = (): Promise<void> => attempt("barrier", [], () => native.barrier());

function attemptNow<Result>(name: string, values: readonly unknown[], body: () => Result): Result {
  try {
    return body();
  } catch (error) {
    throw failure(name, error, values);
  }
}

export const createBuckets = (parameters: readonly Tensor[], firstBytes: number, bytes: number): number =>
  attemptNow("gradientBuckets", parameters, () => {
    put(parameters, 0);
    return native.createBuckets(firstBytes, bytes);
  });
export const beginBuckets = (buckets: number, communicate: boolean): void =>
  attemptNow("gradientBuckets.begin", [], () => native.beginBuckets(buckets, communicate));
export const finishBuckets = (buckets: number): Promise<void> =>
  attempt("gradientBuckets.finish", [], () => native.finishBuckets(buckets));
export const launchedBuckets = (buckets: number): number =>
  attemptNow("gradientBuckets", [], () => native.launchedBuckets(buckets));
export const freeBuckets = (buckets: number): void =>
  attemptNow("gradientBuckets", [], () => native.freeBuckets(buckets));
