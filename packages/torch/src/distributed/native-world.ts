// A world of several processes over the addon's collectives.

import {
  allGatherTensor,
  allReduceTensors,
  broadcastTensors,
  condemnWorld,
  leaveWorld,
  meet,
} from "../core/collectives.ts";
import { tensor, toNumbers } from "../core/create.ts";
import { DistributedError } from "../core/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Placement } from "./environment.ts";
import type { Store } from "./store.ts";
import type { Numbers, Reduction, World } from "./world.ts";

export interface Membership {
  placement: Placement;
  backend: "gloo" | "nccl";
  /** Of this process, for messages. */
  name: string;
  store: Store;
  beats: Store;
  keepsStore: boolean;
  /** How long an orderly end waits for the others, ms. */
  patience: number;
}

export class NativeWorld implements World {
  readonly rank: number;
  readonly size: number;
  readonly localRank: number;
  readonly backend: "gloo" | "nccl";
  /** Package-internal: gradient buckets are between begin(true) and the end of finish(). */
  summing = false;
  private readonly member: Membership;
  private pending = 0;
  private state: "joined" | "failed" | "closed" = "joined";
  private readonly onExit: (code: number) => void;

  constructor(member: Membership) {
    this.member = member;
    ({ rank: this.rank, size: this.size, localRank: this.localRank } = member.placement);
    this.backend = member.backend;
    this.onExit = (code) =>
      condemnWorld(`${member.name} ended with exit code ${code} before the job was done`);
    process.once("exit", this.onExit);
  }

  /** Package-internal: whether a collective has not come back. */
  get busy(): boolean {
    return this.pending > 0;
  }

  broadcast(tensors: readonly Tensor[], from = 0): Promise<void> {
    if (!(Number.isInteger(from) && from >= 0 && from < this.size)) {
      throw new RangeError(`broadcast from rank ${from} of ${this.size}`);
    }
    return this.run(() => broadcastTensors(tensors, from));
  }

  allReduce(tensors: readonly Tensor[], operation: Reduction = "sum"): Promise<void> {
    return this.run(() => allReduceTensors(tensors, operation === "max"));
  }

  allGather(one: Tensor): Promise<Tensor[]> {
    return this.run(() => allGatherTensor(one));
  }

  async allReduceNumbers<Values extends Numbers>(
    values: Values,
    operation: Reduction = "sum",
  ): Promise<{ [Name in keyof Values]: number }> {
    type Result = { [Name in keyof Values]: number };
    const names = Object.keys(values).sort((a, b) => (a < b ? -1 : 1));
    const isList = Array.isArray(values);
    const given = isList
      ? (values as readonly number[])
      : names.map((name) => (values as Record<string, number>)[name]!);
    if (given.length === 0) return (isList ? [] : {}) as Result;
    using sums = tensor(Float64Array.from(given));
    await this.allReduce([sums], operation);
    const results = toNumbers(sums);
    return (isList ? results : Object.fromEntries(names.map((name, i) => [name, results[i]!]))) as Result;
  }

  async next(counter: string): Promise<number> {
    return (await this.member.store.add(`next/${counter}`, 1)) - 1;
  }

  barrier(): Promise<void> {
    return this.run(meet);
  }

  async close(): Promise<void> {
    if (this.state === "closed") return;
    const { store, beats, keepsStore, patience } = this.member;
    if (this.state === "joined") {
      await this.barrier();
      await this.run(leaveWorld);
      // The store lives until the last has left.
      await store.add("left", 1);
      const last = async () => ((await store.add("left", 0)) >= this.size ? true : undefined);
      if (keepsStore) await store.until(patience, last);
    }
    this.state = "closed";
    process.off("exit", this.onExit);
    await Promise.all([store.close(), beats.close()]);
  }

  async fail(reason: string): Promise<void> {
    if (this.state === "closed") return;
    this.state = "failed";
    condemnWorld(`${this.member.name} failed: ${reason}`);
  }

  /** Package-internal: one collective, or one wait for gradient buckets. */
  async run<Result>(body: () => Promise<Result>, sums = false): Promise<Result> {
    if (this.summing !== sums) {
      throw new Error("a collective was called before the gradient buckets' finish() had ended");
    }
    this.pending++;
    try {
      return await body();
    } catch (error) {
      if (error instanceof DistributedError) this.state = "failed";
      throw error;
    } finally {
      this.pending--;
    }
  }
}
