// Which files of a repository make a checkpoint, and fetching just those.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError } from "../base/errors.ts";
import { openSnapshot, type Snapshot, type SnapshotOptions } from "./snapshot.ts";

const singleFile = "model.safetensors";
const indexFile = "model.safetensors.index.json";
const adapterFile = "adapter_model.safetensors";

const smallFiles = [
  ...["config.json", "generation_config.json"],
  ...["tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt"],
  ...["special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "chat_template.json"],
  "adapter_config.json",
];
const extraWeights = ["discriminator.safetensors", adapterFile];
const pickled = /\.(bin|pt|pth|ckpt|pkl|pickle)$/;
const shard = /^model-\d+-of-\d+\.safetensors$/;

export interface CheckpointFilesOptions {
  /** For messages. */
  id?: string;
  /** Text of model.safetensors.index.json; without it, every model-*-of-*.safetensors counts as a shard. */
  index?: string;
}

/**
 * Those of a repository's files that a checkpoint needs. Throws a CheckpointError if it has no weights that may be
 * read: pickled ones run any code they like when they are loaded.
 */
export function checkpointFiles(names: readonly string[], options: CheckpointFilesOptions = {}): string[] {
  const { id = "this repository", index } = options;
  const has = new Set(names);
  const wanted = new Set([...smallFiles, ...extraWeights].filter((name) => has.has(name)));
  // Where a repository has both, the single file counts, as when a checkpoint is opened.
  if (has.has(singleFile)) wanted.add(singleFile);
  else if (has.has(indexFile)) {
    wanted.add(indexFile);
    for (const name of index === undefined ? names.filter((one) => shard.test(one)) : shardsOf(index, id)) {
      if (!has.has(name)) throw lacksShard(id, name);
      wanted.add(name);
    }
  } else if (!has.has(adapterFile)) throw noWeights(names, id);
  return names.filter((name) => wanted.has(name));
}

function shardsOf(index: string, id: string): string[] {
  const damaged = (found: string) =>
    new CheckpointError(
      `${id}: ${indexFile} ${found}; it is damaged, look for another revision of the model`,
      { id },
    );
  let weightMap: unknown;
  try {
    weightMap = (JSON.parse(index) as { weight_map?: unknown } | null)?.weight_map;
  } catch {
    throw damaged("is not JSON");
  }
  if (typeof weightMap !== "object" || weightMap === null) throw damaged("has no weight_map");
  const shards = [...new Set(Object.values(weightMap))];
  const strange = shards.find((name) => typeof name !== "string" || !/^[^/\\]+\.safetensors$/.test(name));
  if (strange !== undefined)
    throw damaged(`places tensors in ${JSON.stringify(strange)}, which is no .safetensors file`);
  if (shards.length === 0) throw damaged("names no tensors");
  return shards as string[];
}

function lacksShard(id: string, name: string): CheckpointError {
  const message = `${id}: ${indexFile} names ${name}, which is not there; the model is incomplete, look for another revision`;
  return new CheckpointError(message, { id, name });
}

function noWeights(names: readonly string[], id: string): CheckpointError {
  const found = names.find((name) => pickled.test(name));
  if (found === undefined)
    return new CheckpointError(
      `${id} has neither ${singleFile} nor ${indexFile} nor ${adapterFile}; it is no checkpoint that can be loaded, look for one with safetensors weights`,
      { id },
    );
  const recipe =
    "load it in Python with transformers (from_pretrained) and save_pretrained(folder, safe_serialization=True)";
  return new CheckpointError(
    `${id} has pickled weights only (${found}), which are refused because loading them runs code; convert them where you trust them: ${recipe}, then give that folder`,
    { id, found },
  );
}

/** What describes a model, as a folder: configuration and tokenizer, without weights. */
export async function fetchDescription(
  id: string,
  options: Omit<SnapshotOptions, "files"> = {},
): Promise<Snapshot> {
  const snapshot = await openSnapshot(id, options);
  const files = snapshot.names.filter((name) => smallFiles.includes(name));
  await snapshot.fetch(files);
  await snapshot.remember();
  return { folder: snapshot.folder, commit: snapshot.commit, files };
}

/** The checkpoint of a repository as a folder; of `options`, `files` is decided here. */
export async function fetchCheckpoint(
  id: string,
  options: Omit<SnapshotOptions, "files"> = {},
): Promise<Snapshot> {
  const snapshot = await openSnapshot(id, options);
  const { folder, commit, names } = snapshot;
  if (snapshot.isPartlyKnown && !names.some((name) => name.endsWith(".safetensors") || name === indexFile))
    snapshot.requireCached([singleFile]);
  const roughly = checkpointFiles(names, { id });
  const hasIndex = roughly.includes(indexFile);
  await snapshot.fetch(roughly.filter((name) => smallFiles.includes(name) || name === indexFile));
  const index = hasIndex ? await readFile(join(folder, indexFile), "utf8") : undefined;
  if (snapshot.isPartlyKnown && index !== undefined) snapshot.requireCached(shardsOf(index, id));
  const files = checkpointFiles(names, { id, ...(index === undefined ? {} : { index }) });
  await snapshot.fetch(files.filter((name) => name.endsWith(".safetensors")));
  await snapshot.remember();
  return { folder, commit, files };
}
