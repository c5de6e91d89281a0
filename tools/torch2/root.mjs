// @ts-check
// A Debian trixie root folder (libtorch 2.6), made once with mmdebstrap and kept in the user's cache.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { SetupFailure } from "../../packages/torch/setup/failure.mjs";
import { cacheFolder, onPath } from "../../packages/torch/setup/host.mjs";
import { debianMirror, parseDeb822, parseOneLine } from "./mirror.mjs";

const packages = "libtorch-dev,g++,cmake,make,libopenblas0-openmp,python3-torch";

/**
 * @param {import("../../packages/torch/setup/host.mjs").Host} host
 * @param {(line: string) => void} say
 * @returns {string} the folder
 */
export function trixieRoot(host, say) {
  const folder = join(cacheFolder(host), "trixie");
  if (!existsSync(folder)) makeRoot(host, folder, say);
  copyFileSync(process.execPath, join(folder, "usr", "local", "bin", "node"));
  const { status, stderr } = spawnSync("chroot", [folder, "node", "--version"], { encoding: "utf8" });
  if (status !== 0)
    throw new SetupFailure(
      `${process.execPath} does not run inside Debian trixie (${stderr.trim().split("\n")[0]}): use a Node from https://nodejs.org.`,
      2,
    );
  return folder;
}

/**
 * @param {import("../../packages/torch/setup/host.mjs").Host} host
 * @param {string} folder
 * @param {(line: string) => void} say
 */
function makeRoot(host, folder, say) {
  if (!onPath(host, "mmdebstrap"))
    throw new SetupFailure("mmdebstrap is missing. Run: sudo apt-get install -y mmdebstrap", 2);
  const mirror = host.env.UNMASK_DEBIAN_MIRROR || debianMirror(aptSources());
  if (mirror === undefined)
    throw new SetupFailure("apt's configuration names no Debian mirror; set UNMASK_DEBIAN_MIRROR to one.", 2);
  say(`making a Debian trixie root in ${folder} (a minute or two, about 2 GB)`);
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  const args = ["--quiet", "--variant=apt", `--include=${packages}`, "trixie", partial, mirror];
  const { status } = spawnSync("mmdebstrap", args, { stdio: ["ignore", 2, "inherit"] });
  if (status !== 0) {
    rmSync(partial, { recursive: true, force: true });
    throw new SetupFailure(`mmdebstrap failed with exit code ${status} (its own message is above).`);
  }
  renameSync(partial, folder);
}

function aptSources() {
  const parts = "/etc/apt/sources.list.d";
  const names = existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : [];
  return ["/etc/apt/sources.list", ...names].filter(existsSync).flatMap((name) => {
    if (name.endsWith(".sources")) return parseDeb822(readFileSync(name, "utf8"));
    return name.endsWith(".list") ? parseOneLine(readFileSync(name, "utf8")) : [];
  });
}
