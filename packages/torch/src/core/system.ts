// Facts about the engine, its threads and its memory.

import { type Device, deviceCode } from "./device.ts";
import { Generator, torchError } from "./dispatch.ts";
import { native, wire } from "./native.ts";

export interface BuildInfo {
  /** libtorch's version, for example "1.13.1". */
  version: string;
  /** libtorch's own description of its build. */
  config: string;
  parallel: string;
  threads: number;
  cudaDevices: number;
}

export function buildInfo(): BuildInfo {
  return native.buildInfo();
}

/** Number of threads one operator may use on the CPU (at least 1). */
export function setThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1)
    throw new RangeError(`threads must be a positive integer, got ${count}`);
  native.setThreads(count);
}

/** Tensors that JavaScript holds now, and the bytes of the distinct memory behind them. */
export function liveTensors(): { count: number; bytes: number } {
  native.liveTensors();
  return { count: wire[0]!, bytes: wire[1]! };
}

/** A generator of libtorch's own for its random operators (rand, randn, …); a worker keeps it until it exits. */
export function createGenerator(seed: number | bigint, device: Device = "cpu"): Generator {
  try {
    return new Generator(native.createGenerator(deviceCode(device)!.code, BigInt(seed)));
  } catch (error) {
    throw torchError("createGenerator", error, [seed, device]);
  }
}

/** CPU memory that tensors take from the system: in all, and the part that is free but kept for reuse. */
export function cpuMemory(): { cachedBytes: number; totalBytes: number } {
  return native.allocatorFacts();
}

/** Gives the CPU memory kept for reuse back to the system. */
export function emptyCache(): void {
  native.emptyCache();
}
