// @ts-check
// Runs one block after the other in a folder, as a reader would who has installed the package: `unmask` and `npx unmask`
// are the command of this repository.

import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * A PATH whose first folder has the command.
 * @param {string} root the repository
 * @param {string} folder
 */
export function commandPath(root, folder) {
  const bin = join(folder, ".bin");
  mkdirSync(bin, { recursive: true });
  const command = `exec "${process.execPath}" "${join(root, "packages", "unmask", "bin", "unmask.mjs")}" "$@"`;
  const scripts = {
    unmask: command,
    npx: `[ "$1" = unmask ] || { echo "npx $1?" >&2; exit 1; }\nshift\n${command}`,
  };
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return [bin, process.env.PATH].join(delimiter);
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd: string, path: string }} options
 * @returns {Promise<{ status: number | null, output: string }>} standard output and error together
 */
export function runIn(program, args, { cwd, path }) {
  const env = { ...process.env, PATH: path, OMP_NUM_THREADS: "1" };
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
      output += text;
    });
  return new Promise((done) => child.on("close", (status) => done({ status, output })));
}
