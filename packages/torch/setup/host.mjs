// @ts-check
// The machine as the set-up sees it. Everything that looks at the outside world goes through a Host, so that tests
// can hand in a made-up one.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { cacheFolder as cacheOf } from "./locate.mjs";

/**
 * @typedef {object} Answer
 * @property {number | null} status exit status; null when the program could not be started or was killed
 * @property {string} stdout
 * @property {string} stderr
 *
 * @typedef {object} Host
 * @property {Record<string, string | undefined>} env
 * @property {string} platform as process.platform
 * @property {string} arch as process.arch
 * @property {string} home
 * @property {boolean} glibc whether Node runs on the GNU C library
 * @property {boolean} root whether we are the super-user
 * @property {(path: string) => boolean} exists
 * @property {(path: string) => string | undefined} read undefined when the file cannot be read
 * @property {(path: string) => string} realpath the path itself when it cannot be resolved
 * @property {(path: string) => number | undefined} modified time in ms; undefined when there is no such path
 * @property {(program: string, args: string[]) => Answer} ask runs a short program and waits for its answer
 */

/** @returns {Host} */
export function realHost() {
  return {
    env: process.env,
    platform: process.platform,
    arch: process.arch,
    home: homedir(),
    glibc: /"glibcVersionRuntime"/.test(JSON.stringify(process.report?.getReport() ?? {})),
    root: process.getuid?.() === 0,
    exists: existsSync,
    read(path) {
      try {
        return readFileSync(path, "utf8");
      } catch {
        return undefined;
      }
    },
    realpath(path) {
      try {
        return realpathSync(path);
      } catch {
        return path;
      }
    },
    modified: (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs,
    ask(program, args) {
      const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", timeout: 120_000 });
      return { status, stdout: stdout ?? "", stderr: stderr ?? "" };
    },
  };
}

/**
 * The first program of these names on PATH, as a full path.
 * @param {Host} host
 * @param {string[]} names
 */
export function onPath(host, ...names) {
  const folders = (host.env.PATH ?? "").split(delimiter).filter(Boolean);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(host.exists);
}

/**
 * Where things too big or too slow to make twice are kept for this user.
 * @param {Host} host
 */
export function cacheFolder(host) {
  return cacheOf(host.env, host.home);
}
