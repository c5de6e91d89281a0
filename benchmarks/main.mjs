// @ts-check
// `npm run bench -- NAME [options]`: runs one benchmark; without a name all of them, onto one page. People read the error stream; standard output is one JSON
// object on its last line.

import { didYouMean } from "../packages/unmask/dist/base/nearest.js";
import { UsageError } from "./lib/usage-error.mjs";

/** @type {Record<string, () => Promise<{ main: (args: string[]) => Promise<void> }>>} */
const benchmarks = {
  decode: () => import("./decode/main.mjs"),
  distill: () => import("./distill/main.mjs"),
  dtype: () => import("./dtype/main.mjs"),
  inspector: () => import("./inspector/main.mjs"),
  memory: () => import("./memory/main.mjs"),
  methods: () => import("./methods/main.mjs"),
  models: () => import("./models/main.mjs"),
  quickstart: () => import("./quickstart/main.mjs"),
  "serve-load": () => import("./serve-load/main.mjs"),
  serve: () => import("./serve/main.mjs"),
  train: () => import("./train/main.mjs"),
  torch: () => import("./torch/main.mjs"),
};

async function main() {
  const [name = "", ...args] = process.argv.slice(2);
  const load = benchmarks[name];
  if (load !== undefined) return (await load()).main(args);
  const known = Object.keys(benchmarks);
  if (name === "--help" || name === "-h") {
    process.stderr.write(
      `npm run bench [-- --quick]: all of them (over an hour), and docs/performance.md anew\n` +
        `npm run bench -- NAME [options]; NAME is one of: ${known.join(", ")}\n`,
    );
    return;
  }
  if (name === "" || name.startsWith("--"))
    return (await import("./all.mjs")).runAll(process.argv.slice(2), known);
  throw new UsageError(
    `unknown benchmark "${name}"${didYouMean(name, known)}; there are: ${known.join(", ")}`,
  );
}

try {
  await main();
} catch (error) {
  const sentence = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${process.env.UNMASK_VERBOSE && error instanceof Error ? error.stack : sentence}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
