// @ts-check
// Brings the working tree (tracked files, and new ones that git does not ignore) and node_modules into a folder,
// changing only what differs, so that builds there stay incremental.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { hashContents, isStamped, writeStamp } from "../../packages/torch/setup/stamp.mjs";

/** Made by builds in the copy; never taken from here, never deleted there. */
const products = new Set(["node_modules", "dist", "build", ".unmask"]);

/**
 * @param {string} from the repository
 * @param {string} to
 */
export function copyTree(from, to) {
  const listed = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: from,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (listed.status !== 0) throw new Error(`git ls-files failed: ${listed.stderr.trim()}`);
  const wanted = new Set(listed.stdout.split("\0").filter((path) => path && existsSync(join(from, path))));
  for (const path of existsSync(to) ? filesIn(to, "") : []) if (!wanted.has(path)) rmSync(join(to, path));
  for (const path of wanted)
    if (!sameFile(join(from, path), join(to, path)))
      cpSync(join(from, path), join(to, path), { preserveTimestamps: true });
  copyPackages(from, to);
}

/**
 * @param {string} from
 * @param {string} to
 */
function copyPackages(from, to) {
  const stamp = join(to, "node_modules", ".copied.json");
  const version = { lock: hashContents(from, [join(from, "node_modules", ".package-lock.json")]) };
  if (isStamped(stamp, version)) return;
  rmSync(join(to, "node_modules"), { recursive: true, force: true });
  cpSync(join(from, "node_modules"), join(to, "node_modules"), {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
  });
  writeStamp(stamp, version);
}

/**
 * @param {string} root
 * @param {string} folder
 * @returns {string[]} paths relative to root
 */
function filesIn(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) return [path];
    return products.has(entry.name) ? [] : filesIn(root, path);
  });
}

/**
 * @param {string} a
 * @param {string} b
 */
function sameFile(a, b) {
  const have = statSync(b, { throwIfNoEntry: false });
  const want = statSync(a);
  return have?.size === want.size && Math.abs(have.mtimeMs - want.mtimeMs) < 2;
}
