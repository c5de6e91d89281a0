// @ts-check
// Runs the two sides' processes, one at a time: they are never both in memory.

import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "../../packages/unmask/dist/cli/launch.js";
import { environment } from "../lib/peer.mjs";

/**
 * @typedef {import("./spec.mjs").Spec} Spec
 * @typedef {import("./spec.mjs").Outcome} Outcome
 */

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const child = here("child.mjs");
const modules = [here("../lib"), here("../models"), here(".")];
/** A process that takes longer than this is ended. */
const patience = 15 * 60_000;

/**
 * Our side, in so many processes; several are started as `unmask launch` does it, with its threads for each.
 * @param {Spec} spec
 * @param {number} [count]
 * @returns {Promise<Outcome>}
 */
export async function runOurs(spec, count = 1) {
  const path = written(spec);
  if (count === 1) await ended(process.execPath, [child, path], process.env);
  else await launch([process.execPath, child, path], { nproc: count, port: await freePort() });
  return JSON.parse(readFileSync(spec.result, "utf8"));
}

/** @returns {Promise<number>} */
function freePort() {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0 }, () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === "object" ? address.port : 0));
    });
  });
}

/**
 * @param {Spec | { threads: number, result: string }} spec without a folder it only says which PyTorch it is
 * @param {string} python
 * @returns {Promise<Outcome & Record<string, unknown>>}
 */
export async function runPeer(spec, python) {
  // -B: no __pycache__ in the repository.
  await ended(python, ["-B", here("peer.py"), written(spec)], environment(modules));
  return JSON.parse(readFileSync(spec.result, "utf8"));
}

/** @param {{ result: string }} spec */
function written(spec) {
  const path = join(spec.result, "..", "spec.json");
  writeFileSync(path, JSON.stringify(spec));
  return path;
}

/**
 * Resolves when the program has ended well; rejects with its last words.
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<void>}
 */
function ended(program, args, env) {
  const one = spawn(program, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  // spawn()'s own time limit would outlive a program that cannot be started.
  const limit = setTimeout(() => void one.kill("SIGKILL"), patience);
  const end = () => void one.kill("SIGKILL");
  process.once("exit", end);
  let errors = "";
  one.stderr.on("data", (chunk) => {
    errors = (errors + chunk).slice(-2000);
  });
  return new Promise((resolve, reject) => {
    one.on("error", (error) => {
      clearTimeout(limit);
      process.removeListener("exit", end);
      reject(error);
    });
    one.on("close", (code, signal) => {
      clearTimeout(limit);
      process.removeListener("exit", end);
      const last = errors.trim().split("\n").at(-1);
      const memory = signal === "SIGKILL" ? " (after 15 minutes, or by the system when memory runs out)" : "";
      if (code === 0) resolve();
      else reject(new Error(`${signal ?? `exit code ${code}`}${memory}${last ? `: ${last}` : ""}`));
    });
  });
}
