// Files that appear whole or not at all: written under another name in the same folder, flushed to the disk, then
// renamed. Whatever happens in between, the earlier file stays as it was.
//
// The temporary file is called .<name>.<host>.<process>.<random>.tmp. A process that is killed leaves its own
// behind; the next save of the same file by the same machine removes those whose process is gone.

import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileError } from "./error.ts";

/** Appends bytes to the file that is being written. */
export type Append = (bytes: Uint8Array) => void;

/** Writes `path` atomically with what `body` appends. Throws a SafetensorsError; `path` is then untouched. */
export function writeAtomically(path: string, body: (append: Append) => void): void {
  const folder = dirname(path);
  const prefix = `.${basename(path)}.${hostname()}.`;
  const temporary = join(folder, `${prefix}${process.pid}.${randomBytes(4).toString("hex")}.tmp`);
  let file: number | undefined;
  try {
    removeAbandoned(folder, prefix);
    file = openSync(temporary, "wx");
    const target = file;
    body((bytes) => writeAll(target, bytes));
    fsyncSync(file);
    closeSync(file);
    file = undefined;
    renameSync(temporary, path);
  } catch (error) {
    if (file !== undefined) closeSync(file);
    discard(temporary);
    throw fileError(path, "could not be written, an earlier file is untouched", error);
  }
  flushFolder(folder);
}

/** Tidying up after a failure, whose own error would hide the first. */
function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {}
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done);
}

/** The rename itself must reach the disk. Some file systems cannot flush folders; the file is whole all the same. */
function flushFolder(folder: string): void {
  try {
    const file = openSync(folder, "r");
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch {}
}

function removeAbandoned(folder: string, prefix: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(prefix)) continue;
    const [, pid] = /^(\d+)\.[0-9a-f]{8}\.tmp$/.exec(name.slice(prefix.length)) ?? [];
    if (pid !== undefined && !isRunning(Number(pid))) discard(join(folder, name));
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code !== "ESRCH";
  }
}
