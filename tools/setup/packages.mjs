// @ts-check
// The npm packages: `npm ci` unless node_modules already holds what package-lock.json says.

import { join } from "node:path";
import { SetupFailure } from "../../packages/torch/setup/failure.mjs";
import { run } from "../../packages/torch/setup/run.mjs";
import { hashContents, isStamped, writeStamp } from "../../packages/torch/setup/stamp.mjs";

/**
 * @param {import("./main.mjs").Context} context
 * @returns {Promise<{ skipped: boolean }>}
 */
export async function installPackages({ root, host, say, exclusive }) {
  if (isCurrent(root, host)) return { skipped: true };
  await exclusive();
  if (isCurrent(root, host)) return { skipped: true };
  say("installing the npm packages (npm ci)");
  const cli = host.env.npm_execpath ?? "";
  const [program, ...first] = cli.endsWith("npm-cli.js") ? [process.execPath, cli] : ["npm"];
  const args = [...first, "ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const status = await run(/** @type {string} */ (program), args, { cwd: root, quiet: true });
  if (status !== 0)
    throw new SetupFailure(
      status === 127 && first.length === 0
        ? "npm is not on PATH; it comes with Node (https://nodejs.org)."
        : `npm ci failed with exit code ${status} (its own message is above); mend that and run the same command again.`,
    );
  writeStamp(stampPath(root), inputs(root));
  return { skipped: false };
}

/** @param {string} root */
function stampPath(root) {
  return join(root, "node_modules", ".unmask-packages.json");
}

/** @param {string} root */
function inputs(root) {
  const lock = hashContents(root, [join(root, "package-lock.json")]);
  return { lock, platform: `${process.platform}-${process.arch}` };
}

/**
 * @param {string} root
 * @param {import("../../packages/torch/setup/host.mjs").Host} host
 */
function isCurrent(root, host) {
  const wanted = host.read(join(root, "package-lock.json"));
  if (wanted === undefined)
    throw new SetupFailure(`${join(root, "package-lock.json")} is missing; the clone is not complete.`, 2);
  const installed = host.read(join(root, "node_modules", ".package-lock.json"));
  if (installed === undefined) return false;
  if (isStamped(stampPath(root), inputs(root))) return true;
  // Somebody ran `npm ci` or `npm install` by hand.
  if (!sameTree(wanted, installed)) return false;
  writeStamp(stampPath(root), inputs(root));
  return true;
}

/**
 * Whether npm's record of what it installed agrees with the lock file; packages for other platforms may be absent.
 * @param {string} lockText package-lock.json
 * @param {string} installedText node_modules/.package-lock.json
 */
export function sameTree(lockText, installedText) {
  try {
    const wanted = JSON.parse(lockText).packages;
    const installed = JSON.parse(installedText).packages;
    const agree = Object.entries(wanted).every(([path, entry]) => {
      const have = installed[path];
      if (path === "" || (have === undefined && entry.optional)) return true;
      return have !== undefined && have.version === entry.version && have.integrity === entry.integrity;
    });
    return agree && Object.keys(installed).every((path) => path in wanted);
  } catch {
    return false;
  }
}
