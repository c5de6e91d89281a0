// One process at a time fetches a blob; others wait and then find it. A file made with the "must not exist" flag is
// the lock, as Node has no flock.
//
// The lock saves traffic and nothing else depends on it: what is fetched is hashed before it is shown, and shown by a
// rename. So a lock whose holder is gone may be broken on suspicion: its process no longer exists (same machine), or
// it gave no sign of life for half a minute. Signs are compared with each other, never with this machine's clock.

import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { pause } from "./retry.ts";

export interface LockOptions {
  signal?: AbortSignal | undefined;
  /** Asked while waiting: true if the holder has done the work. */
  isDone: () => Promise<boolean>;
}

const pollMs = 100;
const lifeSignMs = 3000;
const silenceMs = 30_000;

/** Runs `body` while holding the lock, unless the work gets done by another while waiting. */
export async function withLock(
  path: string,
  { signal, isDone }: LockOptions,
  body: () => Promise<void>,
): Promise<void> {
  const mine = JSON.stringify({ host: hostname(), pid: process.pid, lock: randomUUID() });
  await mkdir(dirname(path), { recursive: true });
  const observed: Observation = { sign: "", since: 0 };
  while (!(await acquire(path, mine))) {
    if (await isDone()) return;
    const holder = await look(path);
    if (holder !== undefined && isGone(holder, observed)) await breakLock(path, holder.text);
    else await pause(pollMs, signal);
  }
  const timer = setInterval(() => void giveSign(path), lifeSignMs);
  timer.unref();
  try {
    if (!(await isDone())) await body();
  } finally {
    clearInterval(timer);
    if ((await look(path))?.text === mine) await rm(path, { force: true });
  }
}

async function acquire(path: string, mine: string): Promise<boolean> {
  try {
    await writeFile(path, mine, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function giveSign(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {});
}

interface Holder {
  text: string;
  modified: number;
}

interface Observation {
  sign: string;
  since: number;
}

async function look(path: string): Promise<Holder | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
    return { text, modified: mtimeMs };
  } catch {
    return undefined;
  }
}

function isGone({ text, modified }: Holder, observed: Observation): boolean {
  const sign = `${text} ${modified}`;
  if (sign !== observed.sign) Object.assign(observed, { sign, since: performance.now() });
  if (performance.now() - observed.since > silenceMs) return true;
  const { host, pid } = parse(text);
  return host === hostname() && typeof pid === "number" && !isRunning(pid);
}

/** A holder that was killed between making the file and writing to it left an empty one. */
function parse(text: string): { host?: unknown; pid?: unknown } {
  try {
    return (JSON.parse(text) as object | null) ?? {};
  } catch {
    return {};
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** Moved aside first: between looking and removing, another may have broken it and made its own, which goes back. */
async function breakLock(path: string, judged: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  const taken = await look(aside);
  if (taken !== undefined && taken.text !== judged) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}
