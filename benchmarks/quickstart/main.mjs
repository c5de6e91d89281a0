// @ts-check
// `npm run bench -- quickstart`: the quickstart from nothing, in a folder of its own: how long it takes and what it finds.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildInfo } from "@unmask/torch";
import { commit, hardware, loadedBlas } from "../lib/machine.mjs";
import { readOptions } from "../lib/options.mjs";
import { save } from "../lib/report.mjs";

const cli = fileURLToPath(new URL("../../packages/unmask/dist/cli/main.js", import.meta.url));

const options = /** @type {const} */ ({
  seed: { type: "string", default: "0" },
  save: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
});

const help = `npm run bench -- quickstart [options]: the quickstart from nothing, about five minutes.
  --seed N  random numbers (default: 0)
  --save    also write the result to benchmarks/results
`;

/** @param {string[]} args */
export async function main(args) {
  const given = readOptions(args, options);
  if (given.help) return void process.stderr.write(help);
  const out = mkdtempSync(join(tmpdir(), "unmask-bench-quickstart-"));
  try {
    const began = performance.now();
    const found = await run(["quickstart", "--json", "--seed", given.seed, "--out", out]);
    const seconds = (performance.now() - began) / 1000;
    const about = { bench: "quickstart", date: new Date().toISOString(), ...commit() };
    const ours = { libtorch: buildInfo().version, blas: loadedBlas() };
    const { comparisons } = found;
    const record = { ...about, hardware: hardware(), ours, seconds, comparisons };
    if (given.save) save(record);
    process.stdout.write(`${JSON.stringify(record)}\n`);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/**
 * What the command prints for programs; what it says to people goes on to the error stream.
 * @param {string[]} args
 * @returns {Promise<{ comparisons: unknown[] }>}
 */
function run(args) {
  const child = spawn(process.execPath, [cli, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve(JSON.parse(output));
      else reject(new Error(`the quickstart ended with exit code ${status}`));
    });
  });
}
