// The addon as TypeScript sees it. Only src/core may import this file; everybody else uses typed functions.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

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
  buildInfo(): { version: string; config: string; parallel: string; threads: number; cudaDevices: number };
}

// Both src/core and dist/core lie two folders below the package.
const addonPath = fileURLToPath(new URL("../../build/unmask_torch.node", import.meta.url));

function load(): Native {
  try {
    return createRequire(import.meta.url)(addonPath) as Native;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new Error(`The libtorch addon could not be loaded (${reason}). Run "npm run setup" to build it.`);
  }
}

export const native: Native = load();
export const wire = native.wire;

// process.exit() destroys libtorch's statics without taking the environment down first: no job may run by then.
process.once("exit", () => native.stopAsync());
