// Checkpoints of several files: shards and an index that says which tensor lies in which, with the names that
// the Hugging Face libraries use.
//
//   model.safetensors.index.json   {"metadata": {"total_size": bytes}, "weight_map": {tensor: shard}}
//   model-00001-of-00002.safetensors, …
//
// A checkpoint that fits one file is model.safetensors without an index. Where a folder has both, the single file
// counts, as there. Index and shards must agree exactly: every tensor of the index is in its shard, and every tensor
// of a shard is in the index. "total_size" is not checked: published checkpoints often carry a stale one.

import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Tensor } from "../core/tensor.ts";
import { writeAtomically } from "./atomic.ts";
import { fileError, quote, SafetensorsError } from "./error.ts";
import { isObject, parseStrictJson } from "./json.ts";
import { type Checkpoint, openSafetensors } from "./safetensors.ts";
import { type Item, itemsToSave, type SaveOptions, saveSafetensors, type TensorsByName } from "./save.ts";

const singleName = "model.safetensors";
const indexName = "model.safetensors.index.json";

/**
 * Opens a checkpoint folder (a single model.safetensors or an index with shards), an index, or one safetensors file.
 * Throws a SafetensorsError.
 */
export function openSharded(folderOrIndex: string): Checkpoint {
  let isFolder: boolean;
  try {
    isFolder = statSync(folderOrIndex).isDirectory();
  } catch (error) {
    throw fileError(folderOrIndex, "could not be opened", error);
  }
  if (!isFolder)
    return folderOrIndex.endsWith(".json") ? openIndex(folderOrIndex) : openSafetensors(folderOrIndex);
  const single = join(folderOrIndex, singleName);
  if (existsSync(single)) return openSafetensors(single);
  const index = join(folderOrIndex, indexName);
  if (existsSync(index)) return openIndex(index);
  throw new SafetensorsError(
    folderOrIndex,
    `the folder has neither ${singleName} nor ${indexName}; is it a checkpoint?`,
  );
}

function openIndex(index: string): Checkpoint {
  const weightMap = readWeightMap(index);
  const shards = new Map<string, Checkpoint>();
  for (const shard of new Set(weightMap.values()))
    shards.set(shard, openSafetensors(join(dirname(index), shard)));
  const held = new Map([...shards].map(([shard, { names }]) => [shard, new Set(names)]));
  for (const [name, shard] of weightMap) {
    if (held.get(shard)?.has(name) === true) continue;
    throw new SafetensorsError(index, `the index places it in ${shard}, which does not hold it`, name);
  }
  return combine(index, weightMap, shards);
}

function readWeightMap(index: string): Map<string, string> {
  let json: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(index));
    json = parseStrictJson(text);
  } catch (error) {
    throw fileError(index, "could not be read as JSON", error);
  }
  const weightMap = isObject(json) ? json.weight_map : undefined;
  if (!isObject(weightMap) || Object.keys(weightMap).length === 0) {
    const got = `got ${quote(weightMap)}`;
    throw new SafetensorsError(index, `"weight_map" must be an object that names a shard a tensor, ${got}`);
  }
  for (const [name, shard] of Object.entries(weightMap)) {
    const isPlain = typeof shard === "string" && shard === basename(shard) && shard.endsWith(".safetensors");
    if (!isPlain) {
      const rule = "a shard must be a .safetensors file beside the index";
      throw new SafetensorsError(index, `${rule}, got ${quote(shard)}`, name);
    }
  }
  return new Map(Object.entries(weightMap as Record<string, string>));
}

function combine(
  index: string,
  weightMap: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, Checkpoint>,
): Checkpoint {
  const metadata: Record<string, string> = {};
  const names: string[] = [];
  for (const [shard, checkpoint] of shards) {
    for (const [key, value] of Object.entries(checkpoint.metadata)) metadata[key] ??= value;
    for (const name of checkpoint.names) {
      if (weightMap.get(name) !== shard) {
        const place = weightMap.has(name)
          ? `the index places it in ${weightMap.get(name)}`
          : "it is not in the index";
        throw new SafetensorsError(index, `${shard} holds it, but ${place}`, name);
      }
      names.push(name);
    }
  }
  const find = (name: string): Checkpoint => {
    const shard = weightMap.get(name);
    if (shard === undefined)
      throw new SafetensorsError(index, `there is no such tensor among ${names.length}`, name);
    return shards.get(shard)!;
  };
  return {
    metadata,
    names,
    info: (name) => find(name).info(name),
    tensor: (name) => find(name).tensor(name),
    readAhead: () => {
      for (const checkpoint of shards.values()) checkpoint.readAhead();
    },
    close: () => {
      for (const checkpoint of shards.values()) checkpoint.close();
    },
  };
}

export interface SaveShardedOptions extends SaveOptions {
  /** Most bytes of tensors in one file; 5 GB by default. A single larger tensor gets a file of its own. */
  maxShardBytes?: number | undefined;
}

/**
 * Writes a checkpoint into `folder` (made if need be): one file if it fits, else shards in the order of the names
 * given, and last the index. Refuses a folder that already holds a checkpoint: several files cannot be replaced in
 * one step. Throws a SafetensorsError.
 */
export function saveSharded(folder: string, tensors: TensorsByName, options: SaveShardedOptions = {}): void {
  const limit = options.maxShardBytes ?? 5e9;
  if (!(limit > 0)) throw new SafetensorsError(folder, `maxShardBytes must be positive, got ${limit}`);
  makeFolder(folder);
  const items = new Map(itemsToSave(folder, tensors).map((item) => [item.name, item]));
  const order = tensors instanceof Map ? [...tensors.keys()] : Object.keys(tensors);
  const shards = pack(
    order.map((name) => items.get(name as string)!),
    limit,
  );
  if (shards.length <= 1) {
    saveSafetensors(join(folder, singleName), tensors, options);
    return;
  }
  const weightMap = new Map<string, string>();
  const digits = (number: number) => String(number).padStart(5, "0");
  shards.forEach((shard, i) => {
    const file = `model-${digits(i + 1)}-of-${digits(shards.length)}.safetensors`;
    const content = new Map<string, Tensor>(shard.map(({ name, tensor }) => [name, tensor]));
    saveSafetensors(join(folder, file), content, options);
    for (const { name } of shard) weightMap.set(name, file);
  });
  const totalSize = [...items.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const index = { metadata: { total_size: totalSize }, weight_map: Object.fromEntries(weightMap) };
  writeAtomically(join(folder, indexName), (append) =>
    append(Buffer.from(`${JSON.stringify(index, null, 2)}\n`)),
  );
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw fileError(folder, "could not be made", error);
  }
  for (const name of [singleName, indexName]) {
    if (!existsSync(join(folder, name))) continue;
    throw new SafetensorsError(folder, `the folder already holds ${name}; choose an empty one or remove it`);
  }
}

function pack(items: readonly Item[], limit: number): Item[][] {
  const shards: Item[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const item of items) {
    if (bytes + item.bytes > limit) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)!.push(item);
    bytes += item.bytes;
  }
  return shards;
}
