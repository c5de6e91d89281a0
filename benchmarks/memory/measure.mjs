// @ts-check
// One estimate and one run, each in a process of its own.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const child = fileURLToPath(new URL("child.mjs", import.meta.url));

/** @param {string[]} args */
function unmask(args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [child, ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`unmask ${args.join(" ")}: ${stderr.trim().split("\n")[0]}`);
  return { stdout, peak: Number(stderr.trimEnd().split("\n").at(-1)) };
}

/**
 * @typedef {object} Case
 * @property {string} folder
 * @property {number} batch
 * @property {number} length
 * @property {string} dtype as given to --dtype
 *
 * @param {Case} case_
 * @param {string} scratch a folder
 */
export function measure({ folder, batch, length, dtype }, scratch) {
  const size = ["--batch", String(batch), "--length", String(length)];
  const { stdout } = unmask(["inspect", "estimate", folder, ...size, "--dtype", dtype, "--json"]);
  const { bytes } = /** @type {{ bytes: Record<string, number> & { peak: number } }} */ (JSON.parse(stdout));
  const row = Array.from({ length }, (_, i) => (i * 7919) % 1000);
  const [input, output] = [join(scratch, "input.json"), join(scratch, "output.safetensors")];
  writeFileSync(input, JSON.stringify({ ids: Array.from({ length: batch }, () => row) }));
  const paths = ["--model", folder, "--input", input, "--output", output];
  const { peak } = unmask(["forward", ...paths, "--dtype", dtype]);
  return { estimate: bytes, peak, ratio: bytes.peak / peak };
}

/** Whether this system says what a process held. */
export function canMeasure() {
  try {
    return readFileSync("/proc/self/status", "utf8").includes("VmHWM");
  } catch {
    return false;
  }
}
