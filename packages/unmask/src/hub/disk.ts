// The disk that holds the cache: whether there is room, and what its complaints mean.

import { statfs } from "node:fs/promises";
import { UnmaskError } from "../base/errors.ts";

/** Throws if `bytes` more do not fit below an existing folder. */
export async function requireSpace(folder: string, bytes: number, id: string): Promise<void> {
  const free = await freeBytes(folder);
  if (free === undefined || free >= bytes) return;
  const message = `${id}: ${inWords(bytes)} are still to be fetched and ${folder} has ${inWords(free)} free; make room, or set HF_HUB_CACHE to a folder on a larger disk`;
  throw new UnmaskError(message, { id, needed: bytes, free, folder });
}

async function freeBytes(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder);
    // Some network file systems say nothing.
    return bavail === 0 && bsize === 0 ? undefined : bavail * bsize;
  } catch {
    return undefined;
  }
}

/** Makes a sentence of an error of the file system; other errors come back as they are. */
export async function fileFailure(error: unknown, folder: string): Promise<unknown> {
  const { code, syscall, path = folder } = error as NodeJS.ErrnoException;
  if (error instanceof UnmaskError || code === undefined || syscall === undefined) return error;
  const data = { path, code };
  if (code === "ENOSPC" || code === "EDQUOT") {
    const message = `${path}: the disk is full; what was fetched so far is kept, so make room (or set HF_HUB_CACHE to a folder on a larger disk) and run it again`;
    return new UnmaskError(message, data, { cause: error });
  }
  const message = `${path} cannot be used (${code}); check its permissions and the disk, or set HF_HUB_CACHE to a folder that you may write to`;
  return new UnmaskError(message, data, { cause: error });
}

export function inWords(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${value.toFixed(power === 0 || value >= 100 ? 0 : 1)} ${units[power]}`;
}
