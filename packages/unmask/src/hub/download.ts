// Fetches one file into the cache's blobs: resumed where an earlier try ended, tried again while something new comes,
// hashed, and given its name only when the hash is right.

import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { UnmaskError } from "../base/errors.ts";
import { holds, type Repository } from "./cache.ts";
import { fileFailure } from "./disk.ts";
import type { HubFile } from "./listing.ts";
import { withLock } from "./lock.ts";
import { discardPartial, PartialFile } from "./partial.ts";
import type { ProgressTracker } from "./progress.ts";
import { explain } from "./refusal.ts";
import { open, Refused, Watchdog } from "./request.ts";
import { retrying, Transient } from "./retry.ts";
import type { HubSettings } from "./settings.ts";

export interface Download {
  repository: Repository;
  file: HubFile;
  commit: string;
  revision: string;
  settings: HubSettings;
  progress: ProgressTracker;
  signal?: AbortSignal | undefined;
}

/** Afterwards blobs/<etag> is complete; true if this call brought it. */
export async function fetchBlob(download: Download): Promise<boolean> {
  const { repository, file, signal } = download;
  const blob = repository.blob(file.etag);
  const isDone = () => holds(blob, file.size);
  let isNew = false;
  await mkdir(dirname(blob), { recursive: true });
  await withLock(repository.lock(file.etag), { signal, isDone }, async () => {
    // Of a wrong size, then: nothing of ours, and in the way.
    await rm(blob, { force: true });
    await fetchRight(download, blob);
    isNew = true;
  });
  return isNew;
}

/** A file that came with other bytes is fetched once more, from its beginning. */
async function fetchRight(download: Download, blob: string): Promise<void> {
  for (let isLast = false; ; isLast = true) {
    const partial = await PartialFile.open(blob, download.file);
    try {
      await fetchWhole(download, partial);
      if (partial.isRight()) return await partial.finish(blob);
    } catch (error) {
      if (!(error instanceof WrongSize)) throw error;
    } finally {
      await partial.close();
    }
    await discardPartial(blob);
    if (isLast) throw corrupt(download);
  }
}

class WrongSize extends Error {}

function corrupt({ repository: { id }, file, settings }: Download): UnmaskError {
  const { name, etag } = file;
  const message = `${id}: ${name} came damaged twice (its hash is not ${etag}), and nothing of it was kept; run it again, and if it stays so, look for a proxy between here and ${settings.endpoint}`;
  return new UnmaskError(message, { id, file: name, etag });
}

async function fetchWhole(download: Download, partial: PartialFile): Promise<void> {
  const { repository, file, revision, settings, signal } = download;
  let most = partial.received;
  // A server that cuts every answer and cannot resume brings the same bytes again and again.
  const hasProgressed = () => {
    const isMore = partial.received > most;
    most = Math.max(most, partial.received);
    return isMore;
  };
  const what = `${repository.id}: fetching ${file.name}`;
  try {
    await retrying(() => fetchRest(download, partial), { settings, signal, what, hasProgressed });
  } catch (error) {
    const { id, kind } = repository;
    throw await explain(error, { id, kind, revision, file: file.name, settings, signal });
  }
}

/** One request for what is missing. */
async function fetchRest(download: Download, partial: PartialFile): Promise<void> {
  const { file, settings, signal } = download;
  if (partial.received === file.size) return;
  const address = addressOf(download);
  const range = partial.received > 0 ? { range: `bytes=${partial.received}-` } : {};
  const watchdog = new Watchdog({ settings, signal });
  try {
    // Compressed answers have ranges of their own.
    const response = await open(address, { "accept-encoding": "identity", ...range }, { settings, watchdog });
    await agree(response, partial, file);
    await receive(response, partial, { download, watchdog });
  } catch (error) {
    if (error instanceof Refused && error.status === 416) {
      await partial.restart();
      throw new Transient("the server cannot send the missing part");
    }
    throw error instanceof WrongSize ? error : watchdog.failure(error, new URL(address).host);
  } finally {
    watchdog.stop();
  }
}

function addressOf({ repository: { page }, commit, file, settings }: Download): string {
  const path = file.name.split("/").map(encodeURIComponent).join("/");
  return `${settings.endpoint}/${page}/resolve/${commit}/${path}`;
}

/** Makes the partial file end where the answer begins. */
async function agree({ status, headers }: Response, partial: PartialFile, { size }: HubFile): Promise<void> {
  if (status === 206) {
    const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("content-range") ?? "") ?? [];
    if (total !== undefined && total !== "*" && Number(total) !== size) throw new WrongSize();
    if (Number(from) === partial.received) return;
    await partial.restart();
    throw new Transient("the server sent another part than was asked for");
  }
  if (partial.received > 0) await partial.restart();
  const length = headers.get("content-length");
  if (length !== null && headers.get("content-encoding") === null && Number(length) !== size)
    throw new WrongSize();
}

async function receive(
  response: Response,
  partial: PartialFile,
  { download: { file, progress }, watchdog }: { download: Download; watchdog: Watchdog },
): Promise<void> {
  const body = (response.body ?? []) as AsyncIterable<Uint8Array>;
  for await (const bytes of body) {
    watchdog.touch();
    if (partial.received + bytes.length > file.size) throw new WrongSize();
    await partial.append(bytes).catch(async (error: unknown) => {
      throw await fileFailure(error, partial.path);
    });
    progress.received(file.name, partial.received, file.size);
  }
  if (partial.received < file.size) throw new Transient("the connection ended before the file did");
}
