// @ts-check
// The repository's set-up: the order of its steps and its words. People read the error stream; standard output is only
// for --json, and for the command that runs after us. What an installed package needs as well lies in
// packages/torch/setup.

import { join } from "node:path";
import {
  optionsHelp,
  parseOptions,
  placesOf,
  report,
  stopwatch,
} from "../../packages/torch/setup/context.mjs";
import { provideLibtorch } from "../../packages/torch/setup/engine.mjs";
import { SetupFailure } from "../../packages/torch/setup/failure.mjs";
import { realHost } from "../../packages/torch/setup/host.mjs";
import { acquireLock } from "../../packages/torch/setup/lock.mjs";
import { buildNative } from "../../packages/torch/setup/native.mjs";
import { provideSandbox } from "../../packages/torch/setup/sandbox.mjs";
import { buildInspector } from "./inspector.mjs";
import { installPackages } from "./packages.mjs";
import { buildTypeScript } from "./typescript.mjs";

/** @typedef {import("../../packages/torch/setup/context.mjs").Context & { root: string }} Context root: the repository */

const help = `node tools/setup.mjs: npm packages, libtorch, a sandbox for generated programs, native addon,
TypeScript and the inspector's page; what is current is skipped.
${optionsHelp}`;

/**
 * @param {string[]} args
 * @returns {Promise<number>} exit code: 0 ready, 1 a step failed, 2 something must be done by hand first
 */
export async function main(args) {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(help);
    return 0;
  }
  const host = realHost();
  const places = placesOf(host);
  const root = join(places.torch, "..", "..");
  const say = (/** @type {string} */ line) => console.error(line);
  /** @type {(() => void) | undefined} */
  let release;
  const exclusive = async () => {
    release ??= await acquireLock(join(places.state, "lock"), { say });
  };
  try {
    await setUp({ root, ...places, host, options: parseOptions(args), say, exclusive });
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
  const { steps, timed } = stopwatch();
  await timed("packages", () => installPackages(context));
  const { libtorch } = await timed("libtorch", () => provideLibtorch(context));
  await timed("sandbox", () => provideSandbox(context));
  await timed("native build", () => buildNative(context, libtorch));
  await timed("TypeScript", () => buildTypeScript(context));
  await timed("inspector", () => buildInspector(context));
  report(context, { libtorch }, steps);
}
