// The processes of one job, seen from one of them.
//
// Collectives are calls that every rank makes, in the same order, with tensors of the same shapes. They run beside
// Node's event loop and resolve when done. None may be called between a bucketer's begin(true) and the end of its
// finish(): the order of what hooks launch and of what is called here would differ from rank to rank.

import type { Tensor } from "../core/tensor.ts";

export type Reduction = "sum" | "max";

/** Numbers by name or in a list; every rank gives the same names, or as many. */
export type Numbers = readonly number[] | Readonly<Record<string, number>>;

export interface World {
  /** Number of this process, from 0. Rank 0 logs and writes what exists once. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Number of this process on its machine: the index of its GPU. */
  readonly localRank: number;
  readonly backend: "none" | "gloo" | "nccl";
  /** Copies the tensors of rank `from` into those of all others, whatever their dtypes. */
  broadcast(tensors: readonly Tensor[], from?: number): Promise<void>;
  /** Replaces each tensor (floats, int32, int64) by the sum or the largest of all ranks. */
  allReduce(tensors: readonly Tensor[], operation?: Reduction): Promise<void>;
  /** The tensor of every rank, by rank. All have one shape and dtype; the result belongs to nobody's scope. */
  allGather(tensor: Tensor): Promise<Tensor[]>;
  /** Sums (or largest) of numbers over all ranks, in float64; the same names on every rank. */
  allReduceNumbers<Values extends Numbers>(
    values: Values,
    operation?: Reduction,
  ): Promise<{ [Name in keyof Values]: number }>;
  /** The next number, from 0, of a counter that all ranks share: each is given once. Any rank may ask at any time. */
  next(counter: string): Promise<number>;
  /** Resolves once every rank has called it. */
  barrier(): Promise<void>;
  /** The orderly end: waits for the others and leaves. Every rank calls it once, last. */
  close(): Promise<void>;
  /** Ends the job: every other rank's collectives fail with a message that names this rank and the reason. */
  fail(reason: string): Promise<void>;
}

/** Of the world of one process. */
const counters = new Map<string, number>();

/** A world of one process: it costs nothing and needs no store. */
export const soloWorld: World = {
  rank: 0,
  size: 1,
  localRank: 0,
  backend: "none",
  broadcast: async () => {},
  allReduce: async () => {},
  allGather: async (tensor) => [tensor],
  allReduceNumbers: async (values) => values as { [Name in keyof typeof values]: number },
  next: async (counter) => {
    const number = counters.get(counter) ?? 0;
    counters.set(counter, number + 1);
    return number;
  },
  barrier: async () => {},
  close: async () => {},
  fail: async () => {},
};
