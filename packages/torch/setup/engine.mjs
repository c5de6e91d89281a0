// @ts-check
// The libtorch step: find one (remembering the answer, because asking Python takes a second), and install what the
// system lacks where that is allowed.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { provideDownload } from "./download.mjs";
import { SetupFailure } from "./failure.mjs";
import { cacheFolder, onPath } from "./host.mjs";
import { findLibtorch } from "./libtorch.mjs";
import { isBuilt } from "./native.mjs";
import { unsupported } from "./os-release.mjs";
import { missingForSandbox } from "./sandbox.mjs";
import { readStamp, writeStamp } from "./stamp.mjs";
import {
  aptAccess,
  aptInstall,
  aptLog,
  handInstructions,
  hasSlowBlas,
  missingPackages,
  missingTools,
} from "./system.mjs";

/**
 * @typedef {import("./libtorch.mjs").Libtorch} Libtorch
 * @typedef {import("./context.mjs").Context} Context
 * @typedef {{ skipped: boolean, libtorch: Libtorch }} Engine
 */

/**
 * @param {Context} context
 * @returns {Promise<Engine>}
 */
export async function provideLibtorch(context) {
  const { host, options } = context;
  const impossible = unsupported(host);
  if (impossible !== undefined) throw new SetupFailure(impossible, 2);
  if (options.download !== undefined) {
    await provideSystem(context, missingTools(host));
    return { skipped: false, libtorch: await provideDownload(context, options.download) };
  }
  const remembered = options.build ? undefined : recall(context);
  let libtorch = remembered ?? search(context);
  const missing = missingPackages(host, { libtorch, building: options.build || !isBuilt(context, libtorch) });
  const installed = await provideSystem(context, missing, libtorch !== undefined);
  libtorch ??= search(context);
  if (libtorch === undefined)
    throw new SetupFailure(
      `libtorch-dev was installed, but ${rejections(context)}; the log lies in ${aptLog(context.state)}.`,
    );
  if (installed) warnOfSlowBlas(context, libtorch);
  return { skipped: remembered !== undefined && !installed, libtorch };
}

/**
 * Installs system packages, or stops with the command for it.
 * @param {Context} context
 * @param {string[]} missing
 * @param {boolean} [found] whether there is a libtorch
 * @returns {Promise<boolean>} whether anything was installed
 */
async function provideSystem({ host, options, say, state, exclusive }, missing, found = false) {
  if (missing.length === 0) return false;
  const access = aptAccess(host, options.noSystem);
  if ("because" in access) {
    const instructions = handInstructions(host, missing, access.because);
    // A slow BLAS is no reason to stop.
    if (!found || missing.some((name) => name !== "libopenblas0-openmp"))
      throw new SetupFailure(instructions, 2);
    if (!options.quiet) say(`fp32 products will be slow. ${instructions}`);
    return false;
  }
  await exclusive();
  const optional = missingForSandbox(host); // one call of apt is quicker than two
  const all = [...missing, ...optional].join(" ");
  say(`installing system packages: ${all} (a minute or two; --no-system forbids it)`);
  const log = aptLog(state);
  rmSync(log, { force: true });
  await aptInstall(host, missing, { prefix: access.prefix, log, say, optional });
  return true;
}

/**
 * @param {Context} context
 * @param {Libtorch} libtorch
 */
function warnOfSlowBlas({ host, say }, libtorch) {
  if (libtorch.kind !== "system" || !hasSlowBlas(host)) return;
  say(
    "OpenBLAS is installed but another libblas.so.3 is preferred, so fp32 products will be slow: " +
      "run `sudo update-alternatives --config libblas.so.3-$(gcc -print-multiarch)`",
  );
}

/** @param {Context} context */
function search({ state, host, say, options }) {
  say("looking for libtorch");
  const { found, rejected, watch } = findLibtorch(host);
  if (found === undefined || options.build)
    for (const { where, reason } of rejected) say(`  not ${where}: ${reason}`);
  if (found === undefined) return undefined;
  say(`  libtorch ${found.version} in ${found.prefix} (${found.reason})`);
  const seen = [found.config, ...watch].map((path) => ({ path, modified: host.modified(path) ?? null }));
  writeStamp(memory(state), { asked: askedFrom(host), seen, found });
  return found;
}

/** @param {Context} context */
function rejections({ host }) {
  return findLibtorch(host)
    .rejected.map(({ where, reason }) => `${where}: ${reason}`)
    .join("; ");
}

/**
 * The last answer, unless the environment or one of the folders that were looked into has changed.
 * @param {Context} context
 * @returns {Libtorch | undefined}
 */
function recall({ state, host }) {
  const stamp =
    /** @type {{ asked: unknown, seen: { path: string, modified: number | null }[], found: Libtorch }} */ (
      readStamp(memory(state))
    );
  if (stamp === undefined || JSON.stringify(stamp.asked) !== JSON.stringify(askedFrom(host)))
    return undefined;
  if (!stamp.seen.every(({ path, modified }) => (host.modified(path) ?? null) === modified)) return undefined;
  return host.exists(join(stamp.found.config, "TorchConfig.cmake")) ? stamp.found : undefined;
}

/** @param {import("./host.mjs").Host} host */
function askedFrom(host) {
  const { LIBTORCH = "", VIRTUAL_ENV = "", CONDA_PREFIX = "" } = host.env;
  const python = onPath(host, "python3") ?? "";
  return { LIBTORCH, VIRTUAL_ENV, CONDA_PREFIX, python, cache: cacheFolder(host) };
}

/** @param {string} state */
function memory(state) {
  return join(state, "libtorch.json");
}
