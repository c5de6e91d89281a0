// `unmask doctor`: the facts that decide speed here, for people and for bug reports, and how to mend what is slow.

import { readFileSync, realpathSync } from "node:fs";
import { availableParallelism, cpus, freemem, homedir, release } from "node:os";
import type { Survey } from "@unmask/torch/setup";
import { describeIsolation, type IsolationReport } from "../grade/sandbox.ts";
import { memoryLimit } from "../models/memory.ts";
import { gigabytes } from "./numbers.ts";
import { reportOf } from "./report.ts";
import { hasColours, styles } from "./terminal.ts";

export interface Blas {
  readonly name: string;
  readonly path: string | null;
  /** The reference implementation: correct, and many times slower than it need be. */
  readonly slow: boolean;
}

interface Engine {
  readonly version: string;
  readonly location: string | null;
  readonly blas: Blas;
  readonly threads: number;
  readonly product_gflops: { readonly float32: number; readonly bfloat16: number };
  readonly dtype_auto: string;
  readonly cuda_devices: number;
}

export interface Facts {
  readonly unmask: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly bfloat16_flags: readonly string[];
  readonly memory: { readonly total_bytes: number; readonly free_bytes: number };
  /** What keeps generated programs from this machine. */
  readonly sandbox: IsolationReport;
  readonly torch: Engine | null;
  /** Where the engine cannot be loaded: what there is of it, what it lacks, and what to do. */
  readonly setup: Survey | null;
  readonly warnings: readonly string[];
}

/** Returns the exit code: 1 if the engine cannot be loaded. */
export async function doctorVerb({ json }: { readonly json?: boolean }): Promise<number> {
  const facts = await gather();
  const style = styles(hasColours(process.stdout));
  process.stdout.write(json ? `${JSON.stringify(facts)}\n` : `${render(facts)}\n`);
  if (!json)
    for (const warning of facts.warnings) process.stdout.write(`${style.red("warning:")} ${warning}\n`);
  return facts.torch === null ? 1 : 0;
}

async function gather(): Promise<Facts> {
  const [{ version }, cpu] = [packageFile(), cpus()[0]?.model.trim() || "unknown"];
  const common = {
    unmask: version,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch} ${release()}`,
    cpu,
    cpus: availableParallelism(),
    memory: { total_bytes: memoryLimit(), free_bytes: freemem() },
    sandbox: await describeIsolation(),
  };
  try {
    const torch = await import("@unmask/torch");
    const { version: torchVersion, config, cudaDevices } = torch.buildInfo();
    const threads = torch.chooseThreads();
    torch.setThreads(threads); // as training does
    const gflops = (dtype: "float32" | "bfloat16") => Math.round(torch.measureProduct(dtype) * 10) / 10;
    const maps = loadedLibraries();
    const engine: Engine = {
      version: torchVersion,
      location: tidy(maps.find((path) => /libtorch_cpu|libtorch\.|unmask_torch/.test(path))),
      blas: identifyBlas(maps, config),
      threads,
      product_gflops: { float32: gflops("float32"), bfloat16: gflops("bfloat16") },
      dtype_auto: torch.chooseProductDtype("cpu"),
      cuda_devices: cudaDevices,
    };
    const bfloat16_flags = torch.bfloat16Flags();
    return { ...common, bfloat16_flags, torch: engine, setup: null, warnings: warningsOf(engine) };
  } catch (error) {
    const setup = (await import("@unmask/torch/setup")).survey();
    const warnings = [reportOf(error).message, setup.next];
    return { ...common, bfloat16_flags: [], torch: null, setup, warnings };
  }
}

function packageFile(): { version: string } {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
}

/** Files mapped into this process (Linux only). */
function loadedLibraries(): string[] {
  try {
    const lines = readFileSync("/proc/self/maps", "utf8").split("\n");
    return [
      ...new Set(
        lines
          .map((line) => line.slice(line.indexOf("/")))
          .filter((path) => path.includes(".so") || path.endsWith(".node")),
      ),
    ];
  } catch {
    return [];
  }
}

/** Home folders are nobody's business in a bug report. */
function tidy(path: string | undefined): string | null {
  if (path === undefined) return null;
  const home = homedir();
  return home.length > 1 && path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}

const knownBlas = [
  ["MKL", /libmkl_/],
  ["OpenBLAS", /openblas/],
  ["BLIS", /libblis/],
  ["ATLAS", /atlas/],
  ["NVPL", /nvpl/],
] as const;

/** From the libraries in this process; a BLAS inside libtorch itself shows only in its build description. */
export function identifyBlas(libraries: readonly string[], config: string): Blas {
  for (const [name, pattern] of knownBlas) {
    const path = libraries.find((library) => pattern.test(library));
    if (path !== undefined) return { name, path: tidy(path), slow: false };
  }
  const reference = libraries.find((library) => /\/libblas\.so|\/librefblas/.test(library));
  if (reference !== undefined) return { name: "reference BLAS", path: tidy(resolved(reference)), slow: true };
  const built = /BLAS_INFO=(\w+)/.exec(config)?.[1] ?? "unknown";
  const names: Readonly<Record<string, string>> = { mkl: "MKL", open: "OpenBLAS", accelerate: "Accelerate" };
  return { name: names[built] ?? built, path: null, slow: false };
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

export function warningsOf({ blas, product_gflops: speed, dtype_auto }: Engine): string[] {
  const warnings: string[] = [];
  if (blas.slow) {
    warnings.push(
      "matrix products use the reference BLAS, many times slower than need be; run: sudo apt-get install libopenblas0-openmp",
    );
  }
  if (!blas.slow && dtype_auto === "float32" && speed.float32 < 5) {
    warnings.push(
      `${speed.float32} GFLOP/s is little for any processor; see what else runs (run: top) and try again`,
    );
  }
  return warnings;
}

export function render({ torch, setup, ...facts }: Facts): string {
  const rows: [string, string][] = [
    ["unmask", facts.unmask],
    ["node", `${facts.node} on ${facts.platform}`],
    ["processor", `${facts.cpu}, ${facts.cpus} usable`],
    ["memory", `${gigabytes(facts.memory.total_bytes)}, ${gigabytes(facts.memory.free_bytes)} free`],
  ];
  if (torch !== null) {
    const { float32, bfloat16 } = torch.product_gflops;
    rows.push(
      ["bfloat16 flags", facts.bfloat16_flags.join(", ") || "none"],
      ["libtorch", `${torch.version}${torch.location === null ? "" : ` (${torch.location})`}`],
      ["BLAS", `${torch.blas.name}${torch.blas.path === null ? "" : ` (${torch.blas.path})`}`],
      ["threads", `${torch.threads}, which was quickest`],
      [
        "products",
        `float32 ${float32} GFLOP/s, bfloat16 ${bfloat16} GFLOP/s; dtype auto is ${torch.dtype_auto}`,
      ],
      ["CUDA devices", torch.cuda_devices === 0 ? "none" : String(torch.cuda_devices)],
    );
  }
  if (setup !== null) rows.push(...setupRows(setup));
  rows.push(["sandbox", sandboxRow(facts.sandbox)]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

function setupRows({ addon, libtorch, rejected, missing }: Survey): [string, string][] {
  const found =
    libtorch === null
      ? ["none that can be used", ...rejected.map((one) => `not ${tidy(one)}`)].join("; ")
      : `${libtorch.version} (${tidy(libtorch.prefix)})`;
  return [
    ["libtorch", found],
    ["addon", tidy(addon ?? undefined) ?? "not built"],
    ["missing", missing.join(", ") || "nothing of the system"],
  ];
}

function sandboxRow({ name, filtered, python, rejected }: IsolationReport): string {
  if (name !== "none")
    return `${name}${filtered ? ", system calls filtered" : ""} (${tidy(python ?? undefined)})`;
  return `none, so generated programs are not run: ${rejected.join("; ")}`;
}
