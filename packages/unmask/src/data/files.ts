// Which files the data are. Each entry of `path` is one of
//
//   corpus.jsonl                        a file
//   folder/                             all data files in it, at any depth
//   "data/part-*.jsonl.gz"              those that match (base/glob.ts)
//   owner/name                          the split of a dataset of the hub, if there is no such folder here
//   hf://datasets/owner/name[@revision][/pattern]
//
// Files of a folder, a pattern or a dataset come sorted by name, entries in the order they are written. Files of the hub
// are fetched when they are first read.

import { readdir, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { ConfigError, DataError } from "../base/errors.ts";
import { globFolder, globMatcher, isGlob } from "../base/glob.ts";
import { openDataset } from "../hub/dataset.ts";
import { isModelId } from "../hub/names.ts";
import type { SnapshotOptions } from "../hub/snapshot.ts";
import type { DataConfig } from "./config.ts";

export type FileKind = "text" | "jsonl" | "parquet";

export interface DataFile {
  /** For messages. */
  readonly name: string;
  readonly kind: FileKind;
  /** What must not change under a run: size, or commit. */
  readonly mark: string;
  /** Undefined for a file that is not here yet. */
  readonly bytes: number | undefined;
  /** Brings it here, if need be. */
  path(): Promise<string>;
}

export interface FindOptions extends Pick<SnapshotOptions, "onProgress" | "settings" | "signal"> {
  /** Of datasets. */
  readonly split: string;
}

const endings = [
  ["parquet", /\.parquet$/i],
  ["jsonl", /\.(jsonl|ndjson|json)(\.gz)?$/i],
  ["text", /\.(txt|text)(\.gz)?$/i],
] as const;

/** What would be read as a text and is none. */
const others = [
  [/\.(csv|tsv)(\.gz)?$/i, "a table", 'pandas\' to_json(lines=True, orient="records") or to_parquet'],
  [/\.(arrow|feather|db|sqlite|pkl|pickle|xlsx?)$/i, "a table", "to_parquet of pandas or datasets"],
  [/\.(zip|tar|tgz|tar\.gz|7z|rar)$/i, "an archive", "unpack it, and give the folder"],
  [/\.(zst|bz2|xz|lz4)$/i, "compressed in a way that is not read", "unpack it, or compress it with gzip"],
] as const;

const kindOf = (name: string): FileKind | undefined => endings.find(([, ending]) => ending.test(name))?.[0];

export async function findFiles(
  paths: string | readonly string[],
  config: DataConfig,
  options: FindOptions,
): Promise<DataFile[]> {
  const entries = typeof paths === "string" ? [paths] : paths;
  const found: DataFile[][] = [];
  for (const entry of entries) found.push(await filesOf(entry, config, options));
  return found.flat();
}

async function filesOf(entry: string, config: DataConfig, options: FindOptions): Promise<DataFile[]> {
  if (entry.startsWith("hf://")) return hubFiles(address(entry), config, options);
  const found = await stat(entry).catch(() => undefined);
  if (found?.isDirectory()) return folderFiles(entry, config);
  if (found !== undefined) return [localFile(entry, { bytes: found.size, config })];
  if (isGlob(entry)) return matchingFiles(entry, config);
  const isId = entry.includes("/") && isModelId(entry) && kindOf(entry) === undefined;
  if (isId) return hubFiles({ id: entry, what: `there is no folder ${entry} here, and ` }, config, options);
  // Read as a file, it gives the error of a missing one.
  return [localFile(entry, { bytes: undefined, config })];
}

interface Address {
  id: string;
  revision?: string | undefined;
  pattern?: string | undefined;
  /** Begins messages. */
  what?: string;
}

function address(entry: string): Address {
  const [, id, revision, pattern] =
    /^hf:\/\/datasets\/([^/@]+\/[^/@]+|[^/@]+)(?:@(refs\/[^/]+\/[^/]+|[^/]+))?(?:\/(.*))?$/.exec(entry) ?? [];
  if (id !== undefined) return { id, revision, pattern: pattern === "" ? undefined : pattern };
  throw new ConfigError(
    `${entry} is no address of a dataset; write hf://datasets/owner/name, or hf://datasets/owner/name@revision/data/*.parquet`,
    { path: entry },
  );
}

async function hubFiles(
  { id, revision = undefined, pattern, what = "" }: Address,
  config: DataConfig,
  { split, ...options }: FindOptions,
): Promise<DataFile[]> {
  const dataset = await openDataset(id, {
    ...options,
    split,
    pattern,
    config: config.config,
    revision: revision ?? config.revision,
  }).catch((error: unknown) => {
    if (what !== "" && error instanceof Error) error.message = `${what}${error.message}`;
    throw error;
  });
  return dataset.files.map((name) => ({
    name: `${id}/${name}`,
    kind: kindFor(name, config),
    mark: dataset.commit,
    bytes: undefined,
    path: () => dataset.fetch(name),
  }));
}

async function folderFiles(folder: string, config: DataConfig): Promise<DataFile[]> {
  const names = (await namesBelow(folder)).filter((name) => kindOf(name) !== undefined);
  if (names.length === 0) {
    const message = `${folder} holds no data files (.jsonl, .json, .ndjson, .parquet, .txt); name one, or write a pattern such as ${folder}/*.md`;
    throw new DataError(message, { folder });
  }
  const kinds = new Set(names.map((name) => kindFor(name, config)));
  if (kinds.size > 1) {
    const message = `${folder} holds files of several kinds (${[...kinds].join(", ")}), perhaps the same rows twice; write a pattern such as ${folder}/*.jsonl`;
    throw new DataError(message, { folder });
  }
  return Promise.all(names.map((name) => found(join(folder, name), config)));
}

async function matchingFiles(pattern: string, config: DataConfig): Promise<DataFile[]> {
  const folder = globFolder(pattern);
  const matches = globMatcher(pattern.replace(/^\.\//, ""));
  const inside = (name: string) => join(folder, name).split(sep).join("/");
  const names = (await namesBelow(folder === "" ? "." : folder)).map(inside).filter((name) => matches(name));
  if (names.length === 0) {
    const where = folder === "" ? "this folder" : folder;
    throw new DataError(`no file in ${where} matches ${pattern}; check the pattern (** goes into folders)`, {
      pattern,
    });
  }
  return Promise.all(names.map((name) => found(name, config)));
}

/** Sorted, with "/"; nothing hidden. */
async function namesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const names = entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, "x").length - 1))
    .map((name) => name.split(sep).join("/"));
  return names.filter((name) => !name.split("/").some((part) => part.startsWith("."))).sort();
}

async function found(path: string, config: DataConfig): Promise<DataFile> {
  const { size } = await stat(path);
  return localFile(path, { bytes: size, config });
}

function localFile(
  path: string,
  { bytes, config }: { bytes: number | undefined; config: DataConfig },
): DataFile {
  return { name: path, kind: kindFor(path, config), mark: String(bytes), bytes, path: async () => path };
}

function kindFor(name: string, { kind }: DataConfig): FileKind {
  if (kind !== "auto") return kind;
  const found = kindOf(name);
  if (found !== undefined) return found;
  const [, what, advice] = others.find(([ending]) => ending.test(name)) ?? [];
  if (what === undefined) return "text";
  const make = what === "a table" ? `make JSONL or Parquet of it (${advice})` : advice;
  throw new DataError(`${name} is ${what}; ${make}, or say how to read it with data.kind`, { name });
}
