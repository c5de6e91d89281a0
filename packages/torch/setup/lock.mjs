// @ts-check
// One set-up at a time. The lock file holds its owner; one whose process is gone (or, from another machine that
// shares the folder, one older than half an hour) is stale and taken over.

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SetupFailure } from "./failure.mjs";

const staleAfterMs = 30 * 60_000;

/**
 * Waits for the lock and returns the function that releases it.
 * @param {string} path
 * @param {{ say: (line: string) => void, patienceMs?: number, pollMs?: number }} options
 * @returns {Promise<() => void>}
 */
export async function acquireLock(path, { say, patienceMs = staleAfterMs, pollMs = 200 }) {
  const owner = `${process.pid} ${hostname()}`;
  const deadline = Date.now() + patienceMs;
  mkdirSync(dirname(path), { recursive: true });
  for (let told = false; !claim(path, owner); ) {
    if (takeOverStale(path)) continue;
    const holder = holderOf(path);
    if (Date.now() > deadline)
      throw new SetupFailure(
        `another set-up (process ${holder}) still holds ${path}; end it or delete that file.`,
      );
    if (!told) say(`waiting for another set-up (process ${holder}) to finish`);
    told = true;
    await sleep(pollMs);
  }
  const release = () => {
    if (holderOf(path) === owner) rmSync(path, { force: true });
  };
  process.once("exit", release);
  return () => {
    process.off("exit", release);
    release();
  };
}

/**
 * The file appears with its content or not at all, so that nobody reads a half-written owner.
 * @param {string} path
 * @param {string} owner
 */
function claim(path, owner) {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, owner);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** @param {string} path */
function takeOverStale(path) {
  const holder = holderOf(path);
  if (holder === undefined) return true; // released in the meantime
  if (!isStale(path, holder)) return false;
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
    // Somebody else may have been quicker, and this is their fresh lock: then give it back.
    if (readFileSync(aside, "utf8") !== holder) linkSync(aside, path);
    rmSync(aside, { force: true });
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code !== "ENOENT" && code !== "EEXIST") throw error;
  }
  return true;
}

/** @param {string} path */
function holderOf(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * @param {string} path
 * @param {string} holder
 */
function isStale(path, holder) {
  const [pid, host] = holder.split(" ");
  if (host !== hostname()) {
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    return age > staleAfterMs;
  }
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === "ESRCH";
  }
}
