// The addon as TypeScript sees it. Only src/core may import this file; everybody else uses typed functions.

import { createRequire } from "node:module";
import { locateAddon, setupCommand } from "../../setup/locate.mjs";

export interface Native {
  /** Arguments and results of calls as tagged numbers; the layout is in native/values.h. */
  readonly wire: Float64Array;
  lookUpOperator(name: string, overload: string): number;
  operatorSchema(id: number): string;
  allSchemas(): string[];
  internString(text: string): number;
  call(): void;
  callAsync(): Promise<Float64Array>;
  stopAsync(): void;
  freeTensor(handle: number): void;
  tensorInfo(handle: number): void;
  writeBytes(handle: number, bytes: Uint8Array): void;
  readBytes(handle: number, bytes: Uint8Array): void;
  liveTensors(): void;
  backward(async?: boolean): Promise<Float64Array> | undefined;
  gradients(async?: boolean): Promise<Float64Array> | undefined;
  gradientOf(): void;
  setGradient(): void;
  setRequiresGrad(): void;
  setGradMode(enabled: boolean): boolean;
  createGenerator(device: number, seed: bigint): number;
  setThreads(count: number): void;
  allocatorFacts(): { cachedBytes: number; totalBytes: number };
  emptyCache(): void;
  distributedFacts(): { gloo: boolean; nccl: boolean };
  openStore(options: StoreAddress): Promise<number>;
  closeStore(store: number): Promise<void>;
  storeSet(store: number, key: string, text: string): Promise<void>;
  storeGet(store: number, key: string): Promise<string | undefined>;
  storeAdd(store: number, key: string, change: number): Promise<number>;
  storeDelete(store: number, key: string): Promise<boolean>;
  joinWorld(options: WorldOptions): Promise<void>;
  leaveWorld(): Promise<void>;
  condemnWorld(reason: string): void;
  broadcast(from: number): Promise<void>;
  allReduce(largest: boolean): Promise<void>;
  allGather(): Promise<Float64Array>;
  barrier(): Promise<void>;
  createBuckets(firstBytes: number, bytes: number): number;
  beginBuckets(buckets: number, communicate: boolean): void;
  finishBuckets(buckets: number): Promise<void>;
  launchedBuckets(buckets: number): number;
  freeBuckets(buckets: number): void;
  buildInfo(): { version: string; config: string; parallel: string; threads: number; cudaDevices: number };
}

export interface StoreAddress {
  host: string;
  port: number;
  /** Whether this process keeps the store. */
  server: boolean;
  /** For each request, ms. */
  timeout: number;
  /** In front of every key. */
  prefix: string;
}

/** Durations in ms. */
export interface WorldOptions {
  /** A connection for Gloo's rendezvous, and another one for signs of life. */
  store: number;
  beats: number;
  rank: number;
  size: number;
  /** Of every rank, for messages. */
  names: readonly string[];
  /** The rank that keeps the store, −1 if none does, and its address for messages. */
  storeRank: number;
  storeAddress: string;
  interval: number;
  heartbeat: number;
  timeout: number;
  /** Network interfaces or address for Gloo; "" for its default. */
  interface: string;
  address: string;
  nccl: boolean;
}

function load(): Native {
  const path = locateAddon();
  if (path === undefined)
    throw new Error(
      `The libtorch addon could not be loaded (it is not built yet). Run "${setupCommand}" to build it.`,
    );
  try {
    return createRequire(import.meta.url)(path) as Native;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new Error(
      `The libtorch addon could not be loaded (${reason}). Run "${setupCommand}" to build it anew.`,
    );
  }
}

export const native: Native = load();
export const wire = native.wire;

// process.exit() destroys libtorch's statics without taking the environment down first: no job may run by then.
process.once("exit", () => native.stopAsync());
