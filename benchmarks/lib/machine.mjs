// @ts-check
// What a figure depends on besides the code: processor, BLAS, commit. No host name and no path gets into a result.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tellingFlags = /^(avx|avx2|fma|f16c|avx512\w+|avx_vnni|amx_\w+|asimd\w*|sve\w*|bf16|i8mm)$/;

export function hardware() {
  const text = read("/proc/cpuinfo");
  const field = (/** @type {string} */ name) => new RegExp(`^${name}\\s*:\\s*(.*)$`, "m").exec(text)?.[1];
  const flags = (field("flags") ?? field("Features") ?? "").split(" ");
  return {
    cpu: field("model name") ?? process.arch,
    cores: availableParallelism(),
    flags: flags.filter((flag) => tellingFlags.test(flag)),
  };
}

/**
 * The BLAS that this process has loaded, as folder/file (Debian's alternatives all call the file libblas.so.3; the
 * folder tells them apart). Ask after a matrix product. The same rule as loaded_blas() in peer_loop.py.
 */
export function loadedBlas() {
  const paths =
    read("/proc/self/maps").match(/\/\S*\/lib(openblas|blas|blis|mkl|atlas)[^\s/]*\.so\S*/g) ?? [];
  const ranked = [...new Set(paths)].filter((path) => !path.includes("numpy")).sort(byTelling);
  return ranked[0]?.split("/").slice(-2).join("/") ?? null;
}

/**
 * libblas.so.3 may be only a door to the library that does the work.
 * @param {string} a
 * @param {string} b
 */
function byTelling(a, b) {
  const door = (/** @type {string} */ path) => Number(/\/libblas[^/]*$/.test(path));
  return door(a) - door(b) || (a < b ? -1 : 1);
}

/** What benchmarks write themselves. */
const written = [":!benchmarks/results", ":!docs/performance.md"];

/** The commit of this checkout, and whether tracked files but for results differ from it; nulls outside a checkout. */
export function commit() {
  const git = (/** @type {string[]} */ ...args) =>
    execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ...written);
    return { commit: git("rev-parse", "--short", "HEAD"), modified: changed !== "" };
  } catch {
    return { commit: null, modified: null };
  }
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
