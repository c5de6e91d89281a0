// @ts-check
// Stamps: a small JSON file beside what a step made, saying from which inputs. A step whose stamp holds the same
// text is skipped. The stamp lies in the folder of the product, so that deleting the product deletes the stamp.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/**
 * @param {string} path
 * @returns {unknown} undefined when missing or damaged
 */
export function readStamp(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * @param {string} path
 * @param {unknown} inputs
 */
export function isStamped(path, inputs) {
  return JSON.stringify(readStamp(path)) === JSON.stringify(inputs);
}

/**
 * @param {string} path
 * @param {unknown} inputs
 */
export function writeStamp(path, inputs) {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify(inputs));
  renameSync(temporary, path);
}

/** @param {string} path */
export function removeStamp(path) {
  rmSync(path, { force: true });
}

/**
 * All files below a folder (or the file itself), sorted; nothing for a path that does not exist.
 * @param {string} path
 * @param {(name: string) => boolean} [wanted]
 * @returns {string[]}
 */
export function filesBelow(path, wanted = () => true) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory() || wanted(entry.name) ? filesBelow(join(path, entry.name), wanted) : [],
    )
    .sort();
}

/**
 * A hash of names and contents.
 * @param {string} root
 * @param {string[]} files
 */
export function hashContents(root, files) {
  const hash = createHash("sha256");
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`${relative(root, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/**
 * A hash of names, sizes and times: quicker, and good enough where the tool behind it looks closer.
 * @param {string} root
 * @param {string[]} files
 */
export function hashTimes(root, files) {
  const hash = createHash("sha256");
  for (const file of files) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${relative(root, file)}\0${size}\0${mtimeMs}\0`);
  }
  return hash.digest("hex");
}

/** @param {string} text */
export function hashText(text) {
  return createHash("sha256").update(text).digest("hex");
}
