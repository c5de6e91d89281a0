#!/usr/bin/env node
// @ts-check
// `npm run parity [-- DIR]`: runs every parity case below DIR (laid out as packages/unmask/test/parity/fixtures is,
// which is also the default), prints a line a case and one JSON object last. Exit code 0 if all is well, 1 if a case
// fails, is of an unknown kind or is skipped without a reason, or if there is none, 2 for wrong use.

import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { setThreads } from "../../packages/torch/dist/index.js";
import { findCases } from "./discover.mjs";
import { lineOf, summaryOf } from "./report.mjs";
import { runCase } from "./run.mjs";

const help = `npm run parity [-- DIR] [--verbose]: holds unmask against recorded outputs of the reference code.
DIR holds a folder a family with *.json cases, *.safetensors beside them, and the checkpoints that they name.
Without DIR the repository's own cases are run. One line a case, a JSON summary last.
  --verbose  stack traces of cases that break
Exit code: 0 all agree; 1 a case fails, is of an unknown kind, or is skipped without a reason; 2 wrong use.`;

const ownFixtures = fileURLToPath(new URL("../../packages/unmask/test/parity/fixtures", import.meta.url));

/**
 * @param {string[]} args
 * @returns {Promise<number>} exit code
 */
async function main(args) {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(help);
    return 0;
  }
  const options = args.filter((arg) => arg.startsWith("-"));
  const folders = args.filter((arg) => !arg.startsWith("-"));
  const unknown = options.find((option) => option !== "--verbose");
  if (unknown !== undefined) return refuse(`unknown option ${unknown}; there are --verbose and --help`);
  if (folders.length > 1) return refuse(`give one folder, not ${folders.length}: ${folders.join(", ")}`);
  const folder = folders[0] === undefined ? ownFixtures : locate(folders[0]);
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    return refuse(`${folders[0] ?? folder} is no folder; give one that holds the cases of a family a folder`);
  setThreads(1); // the networks are tiny: more threads would only wait for each other
  const results = [];
  for (const found of findCases(folder)) {
    const result = await runCase(found, { verbose: options.includes("--verbose") });
    console.log(lineOf(result));
    results.push(result);
  }
  if (results.length === 0)
    console.error(`parity: ${folder} holds no case; a case is a *.json with its outputs`);
  const { summary, good } = summaryOf(results);
  console.log(JSON.stringify(summary));
  return good ? 0 : 1;
}

/**
 * A path as the caller meant it: npm runs scripts in the repository's root and says where it was called from.
 * @param {string} path
 */
function locate(path) {
  const { INIT_CWD: calledFrom, npm_lifecycle_event: script } = process.env;
  return script === "parity" && calledFrom !== undefined ? resolve(calledFrom, path) : resolve(path);
}

/** @param {string} message */
function refuse(message) {
  console.error(`parity: ${message}`);
  return 2;
}

process.exitCode = await main(process.argv.slice(2));
