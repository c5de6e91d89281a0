// @ts-check
// A stage is one verb of the command line with one configuration. It runs once: a stage whose configuration is what it
// was is not run again, one that was killed goes on if its verb can.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const unmask = fileURLToPath(new URL("../../packages/unmask/bin/unmask.mjs", import.meta.url));

/**
 * Runs `unmask VERB CONFIG` and keeps its folder under the stage's name.
 * @param {string} folder of the ground
 * @param {{ name: string, verb: string, config: Record<string, unknown>, resumes: string[] }} stage
 * @returns {{ out: string, seconds: number }}
 */
export function runStage(folder, { name, verb, config, resumes }) {
  const out = join(folder, name);
  const file = join(folder, `${name}.json`);
  const text = JSON.stringify({ ...config, out }, null, 2);
  const done = join(folder, `${name}.done.json`);
  const before = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  if (before === text && existsSync(done)) return { out, ...JSON.parse(readFileSync(done, "utf8")) };
  if (before !== text) rmSync(out, { recursive: true, force: true });
  rmSync(done, { force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, text);
  process.stderr.write(`… ${verb} ${name}\n`);
  const began = Date.now();
  // A JSON file is a YAML file.
  const args = [unmask, verb, file, ...(existsSync(out) ? resumes : [])];
  const { status } = spawnSync(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`unmask ${verb} ${file} ended with exit code ${status}`);
  const seconds = (Date.now() - began) / 1000;
  writeFileSync(done, JSON.stringify({ seconds }));
  return { out, seconds };
}

/**
 * @typedef {object} Data
 * @property {string} file
 * @property {string[]} args of `unmask language`
 * @property {string[]} [unlike] files whose prompts do not come again
 */

/**
 * A file that `unmask language` prints.
 * @param {string} folder
 * @param {Data} data
 */
export function makeData(folder, { file, args, unlike = [] }) {
  const path = join(folder, file);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const { status, stdout } = spawnSync(process.execPath, [unmask, "language", ...args], {
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) throw new Error(`unmask language ${args.join(" ")} ended with exit code ${status}`);
  const rows = (/** @type {Buffer} */ text) => text.toString("utf8").trimEnd().split("\n");
  const promptOf = (/** @type {string} */ row) => JSON.parse(row).prompt;
  const known = new Set(unlike.flatMap((name) => rows(readFileSync(join(folder, name))).map(promptOf)));
  const fresh = rows(stdout).filter((row) => known.size === 0 || !known.has(promptOf(row)));
  writeFileSync(path, `${fresh.join("\n")}\n`);
  return path;
}
