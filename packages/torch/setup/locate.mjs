// @ts-check
// Where the addon lies. In a clone of the repository it is built inside the package; an installed package may lie
// anywhere, read-only too, so its addon is built in the user's cache, one for each libtorch, and a small file there
// says which one was built last. No dependency: the package itself reads this when it loads.

import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const addonName = "unmask_torch.node";

/** The package @unmask/torch that this file belongs to. */
export const packageFolder = fileURLToPath(new URL("..", import.meta.url)).replace(/[/\\]$/, "");

/**
 * Whether the package is a clone's, with its sources, and not one that npm installed.
 * @param {string} [folder] of the package
 */
export function isClone(folder = packageFolder) {
  return existsSync(join(folder, "src", "core", "native.ts"));
}

/**
 * Where things too big or too slow to make twice are kept for this user.
 * @param {Record<string, string | undefined>} env
 * @param {string} home
 */
export function cacheFolder(env, home) {
  return env.UNMASK_CACHE || join(env.XDG_CACHE_HOME || join(home, ".cache"), "unmask");
}

/**
 * The file that says which addon of the cache is in use by this version of the package.
 * @param {string} cache
 * @param {string} version of @unmask/torch
 */
export function choicePath(cache, version) {
  return join(cache, "addon", `in-use-${version}-${process.platform}-${process.arch}.json`);
}

/**
 * @param {string} [folder] of the package
 * @returns {string}
 */
export function packageVersion(folder = packageFolder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
}

/** The command that builds the addon. */
export const setupCommand = isClone() ? "npm run setup" : "npx unmask setup";

/** The addon to load; undefined where none was built. */
export function locateAddon() {
  if (isClone()) return ifThere(join(packageFolder, "build", addonName));
  const cache = cacheFolder(process.env, homedir());
  try {
    const { folder } = JSON.parse(readFileSync(choicePath(cache, packageVersion()), "utf8"));
    return ifThere(join(cache, "addon", folder, addonName));
  } catch {
    return undefined;
  }
}

/** @param {string} path */
function ifThere(path) {
  return existsSync(path) ? path : undefined;
}
