// @ts-check
// The set-up's order of steps, its options, its clock and its words. People read the error stream; standard output
// is only for --json, and for the command that runs after us.

import { join, resolve } from "node:path";
import { provideLibtorch } from "./engine.mjs";
import { SetupFailure } from "./failure.mjs";
import { realHost } from "./host.mjs";
import { buildInspector } from "./inspector.mjs";
import { acquireLock } from "./lock.mjs";
import { buildNative } from "./native.mjs";
import { installPackages } from "./packages.mjs";
import { provideSandbox } from "./sandbox.mjs";
import { buildTypeScript } from "./typescript.mjs";

/**
 * @typedef {object} Options
 * @property {boolean} build look for libtorch again, and build even what seems current
 * @property {boolean} quiet print nothing when nothing had to be done
 * @property {boolean} noSystem never install system packages
 * @property {boolean} json print what was found and done as JSON on standard output
 *
 * @typedef {object} Context
 * @property {string} root the repository
 * @property {import("./host.mjs").Host} host
 * @property {Options} options
 * @property {(line: string) => void} say
 * @property {() => Promise<void>} exclusive waits until no other set-up is at work
 *
 * @typedef {{ name: string, seconds: number, skipped: boolean }} Step
 */

const help = `node tools/setup.mjs: npm packages, libtorch, a sandbox for generated programs, native addon,
TypeScript and the inspector's page; what is current is skipped.
  --build      look for libtorch again and build even what seems current
  --quiet      print nothing when nothing has to be done
  --no-system  never install system packages (also: UNMASK_NO_SYSTEM=1)
  --json       print what was found and done as JSON
LIBTORCH=DIR chooses a libtorch; UNMASK_CACHE=DIR moves ~/.cache/unmask.`;

/**
 * @param {string[]} args
 * @returns {Promise<number>} exit code: 0 ready, 1 a step failed, 2 something must be done by hand first
 */
export async function main(args) {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(help);
    return 0;
  }
  /** @type {(() => void) | undefined} */
  let release;
  try {
    const options = parseOptions(args);
    const root = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..", "..");
    const say = (/** @type {string} */ line) => console.error(line);
    const exclusive = async () => {
      release ??= await acquireLock(join(root, ".unmask", "setup", "lock"), { say });
    };
    await setUp({ root, host: realHost(), options, say, exclusive });
    return 0;
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
    console.error(`set-up: ${error.message}`);
    return error.exitCode;
  } finally {
    release?.();
  }
}

/** @param {Context} context */
async function setUp(context) {
  const { options, say } = context;
  /** @type {Step[]} */
  const steps = [];
  const timed = async (/** @type {string} */ name, /** @type {() => Promise<any>} */ work) => {
    const begin = performance.now();
    const result = await work();
    steps.push({ name, seconds: (performance.now() - begin) / 1000, skipped: result.skipped });
    return result;
  };
  await timed("packages", () => installPackages(context));
  const { libtorch } = await timed("libtorch", () => provideLibtorch(context));
  await timed("sandbox", () => provideSandbox(context));
  await timed("native build", () => buildNative(context, libtorch));
  await timed("TypeScript", () => buildTypeScript(context));
  await timed("inspector", () => buildInspector(context));
  if (options.json) console.log(JSON.stringify({ libtorch, steps }));
  const line = summary(steps);
  if (!options.quiet || steps.some(({ skipped }) => !skipped)) say(line);
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

/**
 * @param {string[]} args
 * @returns {Options}
 */
export function parseOptions(args) {
  const flags = { "--build": "build", "--quiet": "quiet", "--no-system": "noSystem", "--json": "json" };
  const options = { build: false, quiet: false, noSystem: process.env.UNMASK_NO_SYSTEM === "1", json: false };
  for (const arg of args) {
    const name = flags[/** @type {keyof typeof flags} */ (arg)];
    if (name === undefined)
      throw new SetupFailure(
        `unknown option ${arg}; there are ${Object.keys(flags).join(", ")} and --help.`,
        2,
      );
    options[/** @type {keyof Options} */ (name)] = true;
  }
  return options;
}
