// The files of a repository at one commit: asked of the hub with @huggingface/hub's `modelInfo`, `datasetInfo` and
// `listFiles`, and kept in the cache as trees/<commit>.json, in the form of huggingface_hub for Python (2.0). A commit
// never changes, so its listing is asked for once; and offline it says which files are missing.

import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { UnmaskError } from "../base/errors.ts";
import { type Repository, writeWhole } from "./cache.ts";
import { isCommit, requireSafeName } from "./names.ts";
import { type Asked, explain } from "./refusal.ts";
import { hubFetch } from "./request.ts";

export interface HubFile {
  /** Path in the repository, with "/". */
  name: string;
  size: number;
  /** What the hub calls the etag, and the blob's name in the cache: sha256 of an LFS file, else git's sha1. */
  etag: string;
  blobId: string;
  xetHash: string | undefined;
}

export type Listing = ReadonlyMap<string, HubFile>;

/** One request that turns a branch or tag into a commit. */
export async function resolveCommit(asked: Asked): Promise<string> {
  const { id, kind, revision, settings } = asked;
  // Loaded here, as a start that needs no network need not pay for it.
  const { datasetInfo, modelInfo } = await import("@huggingface/hub");
  const fetch = hubFetch(`${id}: looking up revision ${revision}`, asked);
  const commit = await answered(asked, async () => {
    const fields: "sha"[] = ["sha"];
    const question = { name: id, revision, additionalFields: fields, hubUrl: settings.endpoint, fetch };
    const { sha } = await (kind === "dataset" ? datasetInfo(question) : modelInfo(question));
    return sha as unknown;
  });
  if (typeof commit === "string" && isCommit(commit)) return commit;
  throw notAHub(asked, "names no commit");
}

export async function listRepository(asked: Asked, commit: string): Promise<Listing> {
  const { id, kind, settings } = asked;
  const { listFiles } = await import("@huggingface/hub");
  const fetch = hubFetch(`${id}: listing its files`, asked);
  const repo = { type: kind, name: id };
  return answered(asked, async () => {
    const files: HubFile[] = [];
    const entries = listFiles({ repo, revision: commit, recursive: true, hubUrl: settings.endpoint, fetch });
    for await (const { type, path, size, oid, lfs, xetHash } of entries) {
      if (type !== "file") continue;
      const raw = { size: lfs?.size ?? size, blob_id: oid, lfs_sha256: lfs?.oid, xet_hash: xetHash };
      const file = toFile(path, raw, id);
      if (file === undefined) throw notAHub(asked, `lists ${JSON.stringify(path)} without its size or hash`);
      files.push(file);
    }
    return new Map(files.sort((a, b) => (a.name < b.name ? -1 : 1)).map((file) => [file.name, file]));
  });
}

/** Runs a function of the library and makes one sentence of whatever it throws. */
async function answered<T>(asked: Asked, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (asked.signal?.aborted) throw error;
    // The library's own trouble with an answer of another form, a web page say.
    if (error instanceof SyntaxError || error instanceof TypeError)
      throw notAHub(asked, "is not the hub's", error);
    throw await explain(error, asked);
  }
}

function notAHub({ id, settings }: Asked, found: string, cause?: unknown): UnmaskError {
  const message = `${id}: the answer of ${settings.endpoint} ${found}; check HF_ENDPOINT, or a proxy or log-in page in between`;
  return new UnmaskError(message, { id, endpoint: settings.endpoint }, { cause });
}

interface RawFile {
  size?: unknown;
  blob_id?: unknown;
  lfs_sha256?: unknown;
  xet_hash?: unknown;
}

function toFile(name: unknown, raw: RawFile, id: string): HubFile | undefined {
  if (typeof name !== "string") return undefined;
  requireSafeName(name, id);
  const { size, blob_id: blobId, lfs_sha256: sha256, xet_hash: xetHash } = raw;
  const etag = sha256 ?? blobId;
  const isHash = (value: unknown): value is string =>
    typeof value === "string" && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(value);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0 || !isHash(etag) || !isHash(blobId))
    return undefined;
  return { name, size, etag, blobId, xetHash: isHash(xetHash) ? xetHash : undefined };
}

const formatVersion = 1;

/** The kept listing of a commit; undefined if there is none that can be read. */
export async function readListing(
  { id, listingFile }: Repository,
  commit: string,
): Promise<Listing | undefined> {
  let raw: { format_version?: unknown; files?: Record<string, RawFile> } | null;
  try {
    raw = JSON.parse(await readFile(listingFile(commit), "utf8"));
  } catch {
    return undefined;
  }
  if (raw?.format_version !== formatVersion || typeof raw.files !== "object" || raw.files === null)
    return undefined;
  const files = Object.entries(raw.files).map(([name, one]) => toFile(name, one ?? {}, id));
  if (files.some((file) => file === undefined)) return undefined;
  return new Map(files.map((file) => [file!.name, file!]));
}

export async function writeListing(
  { listingFile }: Repository,
  commit: string,
  listing: Listing,
): Promise<void> {
  const files = Object.fromEntries([...listing].map(([name, file]) => [name, toRaw(file)]));
  const path = listingFile(commit);
  await mkdir(dirname(path), { recursive: true });
  await writeWhole(path, JSON.stringify({ format_version: formatVersion, files }, null, 1));
}

function toRaw({ size, etag, blobId, xetHash }: HubFile): Record<string, unknown> {
  const lfs = etag === blobId ? {} : { lfs_sha256: etag, lfs_size: size };
  return { size, blob_id: blobId, ...lfs, ...(xetHash === undefined ? {} : { xet_hash: xetHash }) };
}
