// @ts-check
// `unmask setup`: the engine of an installed package. Finds libtorch or fetches one, and builds the addon into the
// user's cache; npm's install itself builds and fetches nothing. `survey` is what `unmask doctor` asks.

import { join } from "node:path";
import { parseOptions, placesOf, report, stopwatch } from "./context.mjs";
import { provideLibtorch } from "./engine.mjs";
import { SetupFailure } from "./failure.mjs";
import { realHost } from "./host.mjs";
import { findLibtorch } from "./libtorch.mjs";
import { locateAddon, setupCommand } from "./locate.mjs";
import { acquireLock } from "./lock.mjs";
import { buildNative } from "./native.mjs";
import { unsupported } from "./os-release.mjs";
import { provideSandbox } from "./sandbox.mjs";
import { handInstructions, missingPackages } from "./system.mjs";

/**
 * @param {string[]} args
 * @returns {Promise<number>} exit code: 0 ready, 1 a step failed, 2 something must be done by hand first
 */
export async function setUp(args) {
  const host = realHost();
  const places = placesOf(host);
  const say = (/** @type {string} */ line) => console.error(line);
  /** @type {(() => void) | undefined} */
  let release;
  const exclusive = async () => {
    release ??= await acquireLock(join(places.state, "lock"), { say });
  };
  try {
    const context = { ...places, host, options: parseOptions(args), say, exclusive };
    const { steps, timed } = stopwatch();
    const { libtorch } = await timed("libtorch", () => provideLibtorch(context));
    await timed("sandbox", () => provideSandbox(context));
    const { addon } = await timed("native build", () => buildNative(context, libtorch));
    report(context, { libtorch, addon }, steps);
    return 0;
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
    console.error(`error: ${error.message}`);
    return error.exitCode;
  } finally {
    release?.();
  }
}

/**
 * @typedef {object} Survey
 * @property {string | null} addon its file
 * @property {{ version: string, prefix: string } | null} libtorch
 * @property {string[]} rejected what was looked at and cannot be used, with the reason
 * @property {string[]} missing by the names of Debian's packages
 * @property {string} next what to do
 */

/**
 * What there is of the engine and what it lacks, without loading or installing anything.
 * @returns {Survey}
 */
export function survey() {
  const host = realHost();
  const addon = locateAddon() ?? null;
  const impossible = unsupported(host);
  if (impossible !== undefined) return { addon, libtorch: null, rejected: [], missing: [], next: impossible };
  const { found, rejected } = search(host);
  const missing = missingPackages(host, { libtorch: found, building: addon === null });
  const because = "they can be installed by hand";
  const next = [
    `run: ${setupCommand}`,
    ...(missing.length > 0 ? [handInstructions(host, missing, because)] : []),
  ];
  return {
    addon,
    libtorch: found === undefined ? null : { version: found.version, prefix: found.prefix },
    rejected,
    missing,
    next: next.join("\n"),
  };
}

/** @param {import("./host.mjs").Host} host */
function search(host) {
  try {
    const { found, rejected } = findLibtorch(host);
    return { found, rejected: rejected.map(({ where, reason }) => `${where}: ${reason}`) };
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
    return { found: undefined, rejected: [error.message] };
  }
}
