#!/usr/bin/env node
// @ts-check
// `npm run parity [-- DIR]`: runs every parity case below DIR (laid out as packages/unmask/test/parity/fixtures is,
// which is also the default), or those of some kinds, prints a line a case and one JSON object last. Exit code 0 if all is well, 1 if a case
// fails, is of an unknown kind or is skipped without a reason, or if there is none, 2 for wrong use.

import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { setThreads } from "../../packages/torch/dist/index.js";
import { findCases } from "./discover.mjs";
import { lineOf, summaryOf } from "./report.mjs";
import { kindNameOf, runCase } from "./run.mjs";
import { selectionOf } from "./select.mjs";

const help = `npm run parity [-- DIR] [--kind WORDS] [--verbose]: holds unmask against recorded outputs of the reference code.
DIR holds a folder a family with *.json cases, *.safetensors beside them, and the checkpoints that they name.
Without DIR the repository's own cases are run. One line a case, a JSON summary last.
  --kind     only kinds whose names have one of these words, separated by commas: "logits,cache" runs logits,
             logits_full, dit_logits, logits_kv_cache; "sdar/decode" a kind of one family
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
  const parsed = parse(args);
  if ("problem" in parsed) return refuse(parsed.problem);
  const { folders, verbose, words } = parsed;
  const selection = selectionOf(words);
  if ("problem" in selection) return refuse(selection.problem);
  if (folders.length > 1) return refuse(`give one folder, not ${folders.length}: ${folders.join(", ")}`);
  const folder = folders[0] === undefined ? ownFixtures : locate(folders[0]);
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    return refuse(`${folders[0] ?? folder} is no folder; give one that holds the cases of a family a folder`);
  setThreads(1); // the networks are tiny: more threads would only wait for each other
  const results = [];
  for (const found of findCases(folder)) {
    if (!selection.selects(kindNameOf(found))) continue;
    const result = await runCase(found, { verbose });
    console.log(lineOf(result));
    results.push(result);
  }
  if (results.length === 0) {
    const which = words.length === 0 ? "" : ` of the kinds ${words.join(", ")}`;
    console.error(`parity: ${folder} holds no case${which}; a case is a *.json with its outputs`);
  }
  const { summary, good } = summaryOf(results);
  console.log(JSON.stringify(summary));
  return good ? 0 : 1;
}

/**
 * @param {string[]} args
 * @returns {{ folders: string[], words: string[], verbose: boolean } | { problem: string }}
 */
function parse(args) {
  /** @type {string[]} */
  const folders = [];
  /** @type {string[]} */
  const words = [];
  let verbose = false;
  for (let i = 0; i < args.length; i++) {
    const arg = /** @type {string} */ (args[i]);
    if (arg === "--verbose") verbose = true;
    else if (arg === "--kind" || arg.startsWith("--kind=")) {
      const value = arg === "--kind" ? args[++i] : arg.slice("--kind=".length);
      const given = (value ?? "").split(",").map((word) => word.trim());
      if (given.some((word) => word === "" || word.startsWith("-")))
        return { problem: "--kind takes words separated by commas, such as --kind logits,cache" };
      words.push(...given);
    } else if (arg.startsWith("-")) {
      return { problem: `unknown option ${arg}; there are --kind, --verbose and --help` };
    } else folders.push(arg);
  }
  return { folders, words, verbose };
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
