// @ts-check
// The two packages as npm would publish them, and what one of them is found to hold.

import { execFileSync } from "node:child_process";
import { join } from "node:path";

export const packageNames = /** @type {const} */ (["torch", "unmask"]);

/**
 * @param {string} root the repository
 * @param {string} into
 * @returns {{ name: string, file: string, paths: string[] }[]} name as in package.json, tarball, and paths inside
 */
export function packAll(root, into) {
  return packageNames.map((folder) => {
    const args = ["pack", "--json", "--pack-destination", into, "--loglevel=error"];
    const told = execFileSync("npm", args, { cwd: join(root, "packages", folder), encoding: "utf8" });
    const answer = JSON.parse(told.slice(told.search(/^[[{]/m)));
    const [entry] = Array.isArray(answer) ? answer : Object.values(answer);
    const paths = entry.files.map((/** @type {{ path: string }} */ one) => one.path);
    return { name: entry.name, file: join(into, entry.filename.replace(/^@/, "").replace("/", "-")), paths };
  });
}
