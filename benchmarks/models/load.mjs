// @ts-check
// How long a checkpoint takes to load, and how much memory: fresh processes, in turn with one that only reads the
// files. The files have been read before, so both meet the same page cache.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { median } from "../lib/pairs.mjs";
import { weightBytes } from "./checkpoints.mjs";

/**
 * @typedef {object} LoadResult
 * @property {string} name
 * @property {number} weightBytes
 * @property {number} loadSeconds from the call to the end of the first forward, less a warm forward
 * @property {number} readSeconds of reading every byte of the files
 * @property {number} ratio of the medians, load / read
 * @property {number} peakBytes VmHWM of the loading process
 * @property {number} peakBefore VmHWM of the same process before it loaded
 * @property {{ load: number[], read: number[] }} samples
 */

const script = fileURLToPath(new URL("load-child.mjs", import.meta.url));

/**
 * @param {string} folder
 * @param {{ name: string, threads: number, quick: boolean }} options
 * @returns {LoadResult}
 */
export function measureLoad(folder, { name, threads, quick }) {
  const child = (/** @type {"load" | "read"} */ what) => {
    const text = execFileSync(process.execPath, [script, what, folder, String(threads)], {
      encoding: "utf8",
    });
    return /** @type {{ seconds: number, peak: number, before: number }} */ (JSON.parse(text));
  };
  child("read");
  const rounds = Array.from({ length: quick ? 1 : 5 }, () => ({ read: child("read"), load: child("load") }));
  const samples = {
    load: rounds.map(({ load }) => load.seconds),
    read: rounds.map(({ read }) => read.seconds),
  };
  const [loadSeconds, readSeconds] = [median(samples.load), median(samples.read)];
  return {
    name,
    weightBytes: weightBytes(folder),
    loadSeconds,
    readSeconds,
    ratio: loadSeconds / readSeconds,
    peakBytes: Math.max(...rounds.map(({ load }) => load.peak)),
    peakBefore: Math.max(...rounds.map(({ load }) => load.before)),
    samples,
  };
}
