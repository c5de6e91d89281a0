// A model or a dataset of the hub as a folder on this machine.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  holds,
  namesInSnapshot,
  place,
  type Repository,
  readRef,
  repositoryOf,
  tagCache,
  writeRef,
} from "./cache.ts";
import { fileFailure, requireSpace } from "./disk.ts";
import { fetchBlob } from "./download.ts";
import {
  type HubFile,
  type Listing,
  listRepository,
  readListing,
  resolveCommit,
  writeListing,
} from "./listing.ts";
import { type RepositoryKind, requireId, requireRevision } from "./names.ts";
import { partialSize } from "./partial.ts";
import { matcher, plainNames, type Wanted } from "./patterns.ts";
import { type OnProgress, ProgressTracker } from "./progress.ts";
import { repositoryError } from "./refusal.ts";
import { type HubSettings, hubSettings } from "./settings.ts";

export interface SnapshotOptions {
  /** "model" unless given. */
  kind?: RepositoryKind | undefined;
  /** Branch, tag or commit; "main" unless given. */
  revision?: string | undefined;
  /** All unless given. */
  files?: Wanted | undefined;
  onProgress?: OnProgress | undefined;
  settings?: HubSettings | undefined;
  signal?: AbortSignal | undefined;
}

export interface Snapshot {
  folder: string;
  commit: string;
  /** Those asked for that the repository has, each complete in `folder`; with "/". */
  files: string[];
}

/** Throws one UnmaskError (CheckpointError, UsageError, …) for all that goes wrong, or the signal's reason. */
export async function fetchSnapshot(id: string, options: SnapshotOptions = {}): Promise<Snapshot> {
  const snapshot = await openSnapshot(id, options);
  if (snapshot.isPartlyKnown) snapshot.requireCached(plainNames(options.files));
  const files = snapshot.names.filter(matcher(options.files));
  await snapshot.fetch(files);
  await snapshot.remember();
  return { folder: snapshot.folder, commit: snapshot.commit, files };
}

/** A snapshot of which one knows the names, and may then fetch some, and some more. */
export interface OpenSnapshot {
  folder: string;
  commit: string;
  names: string[];
  /** Offline and without a listing: `names` are those in the cache, the repository may have others. */
  isPartlyKnown: boolean;
  /** Throws for names that are not in the cache. */
  requireCached: (names: readonly string[]) => void;
  fetch: (names: readonly string[]) => Promise<void>;
  /** Notes which commit the revision is, for offline use: last, so that a whole older snapshot stays in use. */
  remember: () => Promise<void>;
}

interface Source {
  id: string;
  kind: RepositoryKind;
  revision: string;
  commit: string;
  repository: Repository;
  settings: HubSettings;
  progress: ProgressTracker;
  signal: AbortSignal | undefined;
}

export async function openSnapshot(id: string, options: SnapshotOptions = {}): Promise<OpenSnapshot> {
  const { kind = "model", revision = "main", settings = hubSettings(), signal } = options;
  requireId(id, kind);
  requireRevision(revision);
  signal?.throwIfAborted();
  const repository = repositoryOf(id, kind, settings);
  const asked = { id, kind, revision, settings, signal };
  const commit = (await readOwn(repository, revision, settings)) ?? (await resolveCommit(asked));
  const source = { ...asked, commit, repository, progress: new ProgressTracker(options.onProgress) };
  const listing = await listingOf(source);
  const folder = repository.snapshot(commit);
  const names = listing === undefined ? await namesInSnapshot(repository, commit) : [...listing.keys()];
  return {
    folder,
    commit,
    names,
    isPartlyKnown: listing === undefined,
    requireCached: (wanted) =>
      requireNone(
        source,
        wanted.filter((name) => !names.includes(name)),
      ),
    fetch: (wanted) => withSentences(source, () => fetchFiles(source, wanted, listing)),
    remember: () => forgiving(() => writeRef(repository, revision, commit)),
  };
}

/** The commit without asking the hub: the revision is one, or the cache must do. */
async function readOwn(
  repository: Repository,
  revision: string,
  settings: HubSettings,
): Promise<string | undefined> {
  const known = await readRef(repository, revision);
  if (!settings.offline) return known === revision ? known : undefined;
  if (known !== undefined) return known;
  const { id, kind } = repository;
  throw new (repositoryError(kind))(
    `${id} at revision ${revision} is not in the cache ${settings.cacheFolder}, and this machine is set to be offline (HF_HUB_OFFLINE); fetch it once online, or give a local folder`,
    { id, revision, cacheFolder: settings.cacheFolder },
  );
}

async function listingOf({ repository, commit, settings, ...rest }: Source): Promise<Listing | undefined> {
  const kept = await readListing(repository, commit);
  if (kept !== undefined || settings.offline) return kept;
  const listing = await listRepository({ ...rest, settings }, commit);
  await forgiving(() => writeListing(repository, commit, listing));
  return listing;
}

async function fetchFiles(
  source: Source,
  wanted: readonly string[],
  listing: Listing | undefined,
): Promise<void> {
  const { repository, commit, settings, progress } = source;
  const missing: string[] = [];
  for (const name of wanted) {
    if (!(await holds(repository.pointer(commit, name), listing?.get(name)?.size))) missing.push(name);
  }
  if (settings.offline || listing === undefined) return requireNone(source, missing);
  const files = missing.map((name) => listing.get(name)!);
  const bytes = await bytesToFetch(source, files);
  progress.expect({ total: wanted.length, done: wanted.length - missing.length, bytes: bytes.all });
  if (files.length === 0) return;
  const blobs = join(repository.folder, "blobs");
  await mkdir(blobs, { recursive: true });
  await tagCache(settings);
  await requireSpace(blobs, bytes.missing, repository.id);
  await eachOf(files, source.signal, (file, signal) => fetchFile({ ...source, signal }, file));
}

function requireNone({ id, kind, revision, settings }: Source, missing: readonly string[]): void {
  if (missing.length === 0) return;
  const [first, ...others] = missing;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  throw new (repositoryError(kind))(
    `the cache ${settings.cacheFolder} lacks ${first}${more} of ${id} at revision ${revision}, and this machine is set to be offline (HF_HUB_OFFLINE); run it once online to fetch what is missing`,
    { id, revision, missing },
  );
}

async function bytesToFetch(
  { repository }: Source,
  files: HubFile[],
): Promise<{ all: number; missing: number }> {
  const sum = { all: 0, missing: 0 };
  for (const { etag, size } of files) {
    const blob = repository.blob(etag);
    sum.all += size;
    if (!(await holds(blob, size))) sum.missing += size - (await partialSize(blob, size));
  }
  return sum;
}

async function fetchFile(source: Source, file: HubFile): Promise<void> {
  const isNew = await fetchBlob({ ...source, file });
  await place(source.repository, source.commit, file, isNew);
  source.progress.complete(file.name, file.size);
}

const atOnce = 4;

/** Several at once; the first failure stops the others, which keep what they have. */
async function eachOf<T>(
  items: readonly T[],
  outer: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const give = () => controller.abort(outer?.reason);
  outer?.addEventListener("abort", give, { once: true });
  if (outer?.aborted) give();
  const queue = items.values();
  let failure: { error: unknown } | undefined;
  const worker = async () => {
    for (const item of queue) {
      try {
        if (controller.signal.aborted) return;
        await work(item, controller.signal);
      } catch (error) {
        failure ??= { error };
        controller.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  outer?.removeEventListener("abort", give);
  if (outer?.aborted) throw outer.reason;
  if (failure !== undefined) throw failure.error;
}

async function withSentences({ repository }: Source, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw await fileFailure(error, repository.folder);
  }
}

/** For notes without which everything works: a cache may be shared and read-only. */
async function forgiving(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
  }
}
