// A split of a dataset of the hub: which files it has, and each of them as a file on this machine when it is wanted.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../base/errors.ts";
import { globMatcher } from "../base/glob.ts";
import { didYouMean } from "../base/nearest.ts";
import { convertedRevision, type DatasetConfigs, datasetConfigs, type Splits } from "./dataset-files.ts";
import { type OpenSnapshot, openSnapshot, type SnapshotOptions } from "./snapshot.ts";

export interface DatasetOptions extends Omit<SnapshotOptions, "files" | "kind"> {
  /** Its only one, or its default one, unless given. */
  config?: string | undefined;
  split: string;
  /** Files that match this pattern instead of a configuration's split. */
  pattern?: string | undefined;
}

export interface Dataset {
  commit: string;
  /** Sorted, with "/"; nothing of them is fetched yet. */
  files: readonly string[];
  /** Brings a file; its path. */
  fetch: (file: string) => Promise<string>;
}

const card = "README.md";

export async function openDataset(id: string, options: DatasetOptions): Promise<Dataset> {
  const snapshot = await openSnapshot(id, { ...options, kind: "dataset" });
  const files = await chosenFiles(id, snapshot, options);
  const place = (file: string) => join(snapshot.folder, ...file.split("/"));
  return {
    commit: snapshot.commit,
    files,
    fetch: async (file) => {
      await snapshot.fetch([file]);
      await snapshot.remember();
      return place(file);
    },
  };
}

async function chosenFiles(
  id: string,
  snapshot: OpenSnapshot,
  { config, split, pattern, revision }: DatasetOptions,
): Promise<readonly string[]> {
  const { names } = snapshot;
  if (pattern !== undefined) {
    const matches = globMatcher(pattern);
    const found = names.filter((name) => matches(name)).sort();
    if (found.length > 0) return found;
    throw new DataError(
      `${id}: no file of this dataset matches ${pattern}${didYouMean(pattern, names)}; it has ${some(names)}`,
      { id, pattern },
    );
  }
  const readme =
    names.includes(card) && revision !== convertedRevision ? await readCard(snapshot) : undefined;
  const found = datasetConfigs(names, { readme, revision, source: id });
  if (found.configs.size === 0) throw noFiles(id, names);
  return splitOf(id, chooseConfig(id, found, config), split);
}

async function readCard(snapshot: OpenSnapshot): Promise<string> {
  await snapshot.fetch([card]);
  return readFile(join(snapshot.folder, card), "utf8");
}

function chooseConfig(
  id: string,
  { configs, default: usual }: DatasetConfigs,
  wanted: string | undefined,
): Splits {
  const names = [...configs.keys()];
  const chosen = wanted ?? usual ?? (configs.has("default") || names.length > 1 ? "default" : names[0]!);
  const splits = configs.get(chosen);
  if (splits !== undefined) return splits;
  const message =
    wanted === undefined
      ? `${id} has several configurations; set data.config to one of: ${some(names)}`
      : `${id} has no configuration ${JSON.stringify(wanted)}${didYouMean(wanted, names)}; it has: ${some(names)}`;
  throw new DataError(message, { id, config: wanted, configs: names });
}

function splitOf(id: string, splits: Splits, split: string): readonly string[] {
  const files = splits.get(split) ?? [];
  if (files.length > 0) return files;
  const names = [...splits].filter(([, found]) => found.length > 0).map(([name]) => name);
  const has = names.length === 0 ? "none with files that can be read" : some(names);
  throw new DataError(
    `${id} has no split ${JSON.stringify(split)}${didYouMean(split, names)}; its splits: ${has}`,
    {
      id,
      split,
      splits: names,
    },
  );
}

function noFiles(id: string, names: readonly string[]): DataError {
  const converted = `data.revision=${convertedRevision}`;
  if (names.some((name) => /^[^/]+\.py$/.test(name))) {
    const message = `${id} is made by a script, which is not run here; try the hub's own conversion with ${converted}`;
    return new DataError(message, { id });
  }
  return new DataError(
    `${id} has no Parquet, JSONL or text files, but ${some(names)}; try the hub's own conversion with ${converted}`,
    { id },
  );
}

function some(names: readonly string[]): string {
  if (names.length === 0) return "nothing";
  const more = names.length > 8 ? ` and ${names.length - 8} more` : "";
  return `${names.slice(0, 8).join(", ")}${more}`;
}
