// @ts-check
// What every step of a set-up is given, and the options that the repository's set-up and that of an installed package
// have in common.

import { join } from "node:path";
import { SetupFailure } from "./failure.mjs";
import { cacheFolder } from "./host.mjs";
import { isClone, packageFolder } from "./locate.mjs";

/**
 * @typedef {object} Options
 * @property {boolean} build look for libtorch again, and build even what seems current
 * @property {boolean} quiet print nothing when nothing had to be done
 * @property {boolean} noSystem never install system packages
 * @property {boolean} json print what was found and done as JSON on standard output
 * @property {import("./archives.mjs").Build} [download] take the official libtorch archive
 *
 * @typedef {object} Context
 * @property {string} state folder for what was found, locks and logs
 * @property {string} torch folder of the package that holds this file
 * @property {import("./host.mjs").Host} host
 * @property {Options} options
 * @property {(line: string) => void} say
 * @property {() => Promise<void>} exclusive waits until no other set-up is at work
 *
 * @typedef {{ name: string, seconds: number, skipped: boolean }} Step
 */

/**
 * Folders of a set-up of this package.
 * @param {import("./host.mjs").Host} host
 */
export function placesOf(host) {
  const torch = packageFolder;
  const state = isClone(torch)
    ? join(torch, "..", "..", ".unmask", "setup")
    : join(cacheFolder(host), "setup");
  return { torch, state };
}

export const optionsHelp = `  --build      look for libtorch again and build even what seems current
  --download cpu|cuda  take the official libtorch archive (UNMASK_LIBTORCH_MIRROR=URL: from elsewhere)
  --quiet      print nothing when nothing has to be done
  --no-system  never install system packages (also: UNMASK_NO_SYSTEM=1)
  --json       print what was found and done as JSON
LIBTORCH=DIR chooses a libtorch; UNMASK_CACHE=DIR moves ~/.cache/unmask.`;

/**
 * @param {string[]} args
 * @returns {Options}
 */
export function parseOptions(args) {
  const flags = { "--build": "build", "--quiet": "quiet", "--no-system": "noSystem", "--json": "json" };
  /** @type {Options} */
  const options = { build: false, quiet: false, noSystem: process.env.UNMASK_NO_SYSTEM === "1", json: false };
  const words = args.flatMap((arg) => (arg.startsWith("--download=") ? arg.split("=") : [arg]));
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--download") {
      options.download = buildNamed(words[++i]);
      continue;
    }
    const name = flags[/** @type {keyof typeof flags} */ (word)];
    if (name === undefined)
      throw new SetupFailure(
        `unknown option ${word}; there are --download, ${Object.keys(flags).join(", ")} and --help.`,
        2,
      );
    options[/** @type {"build" | "quiet" | "noSystem" | "json"} */ (name)] = true;
  }
  return options;
}

/**
 * @param {string | undefined} name
 * @returns {import("./archives.mjs").Build}
 */
function buildNamed(name) {
  if (name === "cpu" || name === "cuda") return name;
  throw new SetupFailure(
    `--download takes cpu or cuda, not ${name === undefined ? "nothing" : `"${name}"`}.`,
    2,
  );
}

/** Runs steps one after the other and keeps their time. */
export function stopwatch() {
  /** @type {Step[]} */
  const steps = [];
  /**
   * @template {{ skipped: boolean }} T
   * @param {string} name
   * @param {() => Promise<T>} work
   */
  const timed = async (name, work) => {
    const begin = performance.now();
    const result = await work();
    steps.push({ name, seconds: (performance.now() - begin) / 1000, skipped: result.skipped });
    return result;
  };
  return { steps, timed };
}

/**
 * The end of a set-up: what was found and done, for programs or for people.
 * @param {Context} context
 * @param {object} found
 * @param {Step[]} steps
 */
export function report({ options, say }, found, steps) {
  if (options.json) console.log(JSON.stringify({ ...found, steps }));
  if (!options.quiet || steps.some(({ skipped }) => !skipped)) say(summary(steps));
}

/** @param {Step[]} steps */
export function summary(steps) {
  const total = steps.reduce((sum, { seconds }) => sum + seconds, 0);
  const done = steps.filter(({ skipped }) => !skipped);
  if (done.length === 0) return `set-up ${inWords(total)}: everything was ready`;
  return `set-up ${inWords(total)}: ${done.map(({ name, seconds }) => `${name} ${inWords(seconds)}`).join(", ")}`;
}

/** @param {number} seconds */
function inWords(seconds) {
  return `${seconds < 9.95 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}
