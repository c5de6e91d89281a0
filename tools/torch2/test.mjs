#!/usr/bin/env node
// @ts-check
// `npm run test:torch2 [-- VITEST ARGUMENTS]`: the suite of packages/torch against libtorch 2.6, in a Debian trixie
// root that is made once. Needs root, because of chroot. All mounts live in a namespace of their own, so they are
// gone whichever way this ends.

import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { SetupFailure } from "../../packages/torch/setup/failure.mjs";
import { realHost } from "../../packages/torch/setup/host.mjs";
import { acquireLock } from "../../packages/torch/setup/lock.mjs";
import { installPackages } from "../setup/packages.mjs";
import { copyTree } from "./copy.mjs";
import { trixieRoot } from "./root.mjs";

const repository = resolve(new URL("../..", import.meta.url).pathname);

/** @param {string} line */
const say = (line) => console.error(line);

const options = { build: false, quiet: true, noSystem: true, json: false };

/** @param {string[]} args for Vitest */
async function main(args) {
  const host = realHost();
  if (host.platform !== "linux" || !host.root)
    throw new SetupFailure("this makes a chroot, which needs Linux and root: run it with sudo.", 2);
  const release = await acquireLock(join(repository, ".unmask", "torch2", "lock"), { say });
  try {
    await installPackages({
      root: repository,
      state: "",
      torch: "",
      host,
      options,
      say,
      exclusive: async () => {},
    });
    const folder = trixieRoot(host, say);
    copyTree(repository, join(folder, "repo"));
    const setUp = inside(folder, ["node", "tools/setup.mjs", "--no-system"]);
    if (setUp !== 0) return setUp;
    const tests = args.length > 0 ? args : ["packages/torch"];
    return inside(folder, ["node", "node_modules/vitest/vitest.mjs", "run", ...tests]);
  } finally {
    release();
  }
}

/**
 * Runs a command in the copy of the repository inside the root folder.
 * @param {string} folder
 * @param {string[]} command
 */
function inside(folder, command) {
  const script = `
    set -e
    mount --rbind /dev "$1/dev"
    mount -t proc proc "$1/proc"
    root=$1; shift
    exec chroot "$root" env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/root LANG=C.UTF-8 TERM="$TERM" \\
      sh -c 'cd /repo && exec "$@"' sh "$@"`;
  const isolated = ["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"];
  const args = [...isolated, "sh", "-c", script, "sh", folder, ...command];
  const { status, error } = spawnSync("unshare", args, { stdio: "inherit" });
  if (error !== undefined)
    throw new SetupFailure(`unshare (util-linux) could not be run: ${error.message}`, 2);
  return status ?? 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupFailure)) throw error;
  console.error(`test:torch2: ${error.message}`);
  process.exitCode = error.exitCode;
}
