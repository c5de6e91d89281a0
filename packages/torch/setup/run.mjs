// @ts-check
// Long programs: their output goes to the terminal's error stream or to a log file, and Ctrl-C ends them with us.

import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";

const signals = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

/**
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, log?: string, quiet?: boolean }} [options] `log`: a file to
 *   append all output to; `quiet`: drop standard output
 * @returns {Promise<number>} exit status; 127 when the program could not be started, 128 + signal when killed
 */
export function run(program, args, { cwd, env = process.env, log, quiet = false } = {}) {
  if (log !== undefined) mkdirSync(dirname(log), { recursive: true });
  const file = log === undefined ? undefined : openSync(log, "a");
  return new Promise((done) => {
    const finish = (/** @type {number} */ status) => {
      for (const signal of signals) process.off(signal, forward);
      if (file !== undefined) closeSync(file);
      done(status);
    };
    // Our own standard output is left to the command that runs after the set-up.
    const child = spawn(program, args, {
      cwd,
      env,
      stdio: ["ignore", file ?? (quiet ? "ignore" : 2), file ?? "inherit"],
    });
    const forward = (/** @type {NodeJS.Signals} */ signal) => void child.kill(signal);
    for (const signal of signals) process.on(signal, forward);
    child.once("error", () => finish(127));
    child.once("close", (status, signal) => finish(status ?? (signal === "SIGINT" ? 130 : 143)));
  });
}
