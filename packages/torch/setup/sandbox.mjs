// @ts-check
// What running generated programs needs: bubblewrap for the sandbox and Python. Everything else works without them,
// so nothing here stops the set-up: where they cannot be installed there is a notice, and a failed attempt is
// repeated only by --build.

import { join } from "node:path";
import { SetupFailure } from "./failure.mjs";
import { onPath } from "./host.mjs";
import { families, isDebian } from "./os-release.mjs";
import { isStamped, writeStamp } from "./stamp.mjs";
import { aptAccess, aptInstall, aptLog } from "./system.mjs";

/**
 * What is missing, by Debian package; none where there is no sandbox to be had.
 * @param {import("./host.mjs").Host} host
 */
export function missingForSandbox(host) {
  if (host.platform !== "linux") return [];
  const missing = [];
  if (!onPath(host, "bwrap") && !host.exists("/usr/bin/bwrap")) missing.push("bubblewrap");
  if (!onPath(host, "python3") && !host.exists("/usr/bin/python3")) missing.push("python3");
  return missing;
}

/**
 * @param {import("./context.mjs").Context} context
 * @returns {Promise<{ skipped: boolean }>}
 */
export async function provideSandbox({ state, host, options, say, exclusive }) {
  const missing = missingForSandbox(host);
  if (missing.length === 0) return { skipped: true };
  const access = aptAccess(host, options.noSystem);
  if ("because" in access) {
    if (!options.quiet) say(notice(host, missing, access.because));
    return { skipped: true };
  }
  const failed = join(state, "sandbox-failed.json");
  if (!options.build && isStamped(failed, missing)) return { skipped: true };
  await exclusive();
  say(
    `installing system packages: ${missing.join(" ")} (for running generated programs; --no-system forbids it)`,
  );
  try {
    await aptInstall(host, missing, { prefix: access.prefix, log: aptLog(state), say });
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
    writeStamp(failed, missing);
    say(notice(host, missing, `apt did not: ${error.message.split("\n", 1)[0]}`));
  }
  return { skipped: false };
}

/**
 * @param {import("./host.mjs").Host} host
 * @param {string[]} missing
 * @param {string} because
 */
function notice(host, missing, because) {
  const prefix = host.root ? "" : "sudo ";
  const managers = {
    fedora: "dnf install -y",
    rhel: "dnf install -y",
    arch: "pacman -S",
    suse: "zypper install -y",
  };
  const manager = isDebian(host)
    ? "apt-get install -y --no-install-recommends"
    : families(host)
        .map((family) => managers[/** @type {keyof typeof managers} */ (family)])
        .find(Boolean);
  const command =
    manager === undefined ? "your package manager for them" : `${prefix}${manager} ${missing.join(" ")}`;
  return `generated programs cannot be run (all else works): ${missing.join(" and ")} must be installed and ${because}. Run: ${command}`;
}
