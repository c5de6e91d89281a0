// Which dtype products should use here: measured, not guessed. bfloat16 is several times faster than float32 on
// CPUs with AMX or AVX512-BF16 and tens of times slower on those without.

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { gelu, matmul, ones } from "../generated/ops.ts";
import { convert } from "./create.ts";
import type { Device } from "./device.ts";
import type { Dtype } from "./dtype.ts";
import { scope } from "./scope.ts";
import { buildInfo, setThreads } from "./system.ts";

/** dtype of matrix products; everything else (norms, softmax, losses, master weights) stays float32. */
export type ProductDtype = "float32" | "bfloat16";

/** GFLOP/s of a square matrix product of the given side; the median of `repeats` runs. */
export function measureProduct(dtype: Dtype, side = 512, repeats = 5): number {
  return scope(() => {
    const left = convert(ones([side, side]), dtype, undefined);
    const right = convert(ones([side, side]), dtype, undefined);
    const run = () => scope(() => void matmul(left, right));
    run();
    const seconds = Array.from({ length: repeats }, () => {
      const start = performance.now();
      run();
      return (performance.now() - start) / 1000;
    });
    seconds.sort((a, b) => a - b);
    return (2 * side ** 3) / seconds[repeats >> 1]! / 1e9;
  });
}

/** The CPU's flags that make bfloat16 products quick; empty when it has none or the system does not say. */
export function bfloat16Flags(): string[] {
  try {
    const flags = /^flags\s*:\s*(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" ") ?? [];
    return flags.filter((flag) => flag === "amx_bf16" || flag === "avx512_bf16");
  } catch {
    return [];
  }
}

/**
 * The dtype for products on a device. On a GPU bfloat16; on a CPU whichever is faster, measured once a process
 * (about 0.1 s) and only where the flags make bfloat16 worth trying.
 */
export function chooseProductDtype(device: Device = "cpu"): ProductDtype {
  if (device !== "cpu") return "bfloat16";
  chosen ??=
    bfloat16Flags().length > 0 && measureProduct("bfloat16") > measureProduct("float32")
      ? "bfloat16"
      : "float32";
  return chosen;
}

let chosen: ProductDtype | undefined;

/**
 * How many threads an operator should use: all the processor's, if that makes a small product and an elementwise
 * pass quicker than one does, else one. Virtual processors are often two halves of one core, and then a second
 * thread costs more than it gives. Measured once a process (about 0.1 s).
 */
export function chooseThreads(): number {
  // OMP_NUM_THREADS, where it is set, decides.
  const given = Number(process.env.OMP_NUM_THREADS);
  if (Number.isInteger(given) && given >= 1) return given;
  const all = availableParallelism();
  if (all === 1) return 1;
  const before = buildInfo().threads;
  const seconds = (threads: number) => {
    setThreads(threads);
    return scope(() => timeMixed());
  };
  seconds(all);
  const rounds = [0, 1, 2].map(() => [seconds(1), seconds(all)] as const);
  setThreads(before);
  const wins = rounds.filter(([one, many]) => many < 0.9 * one).length;
  return wins >= 2 ? all : 1;
}

/** Seconds of a mix of operators at the sizes of a small network's training step. */
function timeMixed(): number {
  const x = ones([2048, 256]);
  const weight = ones([256, 512]);
  const start = performance.now();
  for (let i = 0; i < 5; i++) scope(() => void gelu(matmul(x, weight)));
  return (performance.now() - start) / 1000;
}
