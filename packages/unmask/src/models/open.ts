// A checkpoint folder, opened but not read: its family, its facts, and the names, shapes and dtypes of its tensors,
// held against what the family expects. No weight is touched.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type Checkpoint, openSharded } from "@unmask/torch";
import { CheckpointError, UnsupportedError } from "../base/errors.ts";
import { familyOf } from "./families.ts";
import type { Facts, Family, RawConfig } from "./family.ts";

/** What a folder says without its weights. */
export interface ModelDescription {
  readonly folder: string;
  // biome-ignore lint/suspicious/noExplicitAny: the family's own kind of configuration
  readonly family: Family<any>;
  readonly config: unknown;
  readonly facts: Facts;
  /** config.json as it stands there, for saving. */
  readonly raw: RawConfig;
  /** generation_config.json; empty if there is none. */
  readonly generation: RawConfig;
  /** Absent where the folder holds no weights. */
  readonly checkpoint: Checkpoint | undefined;
  /** What the file puts before every name. */
  readonly prefix: string;
  /** Shapes by name without prefix, of all that the network needs. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

export interface OpenModel extends ModelDescription {
  readonly checkpoint: Checkpoint;
  /** Full names of tensors that are kept and not used. */
  readonly buffers: readonly string[];
}

const floating: readonly string[] = ["float32", "float64", "float16", "bfloat16"];

/**
 * Opens a folder with config.json and safetensors weights. Throws a CheckpointError or UnsupportedError that names
 * the file and what is wrong in it.
 */
export function openModel(folder: string): OpenModel {
  const described = describeConfig(folder);
  const { family, shapes } = described;
  const checkpoint = openWeights(folder);
  const prefix = prefixOf(family, checkpoint, shapes);
  const buffers = checkTensors({ folder, family, checkpoint, prefix, shapes });
  return { ...described, checkpoint, prefix, buffers };
}

/** As openModel(), or without weights where the folder holds only their description (config.json). */
export function describeModel(folder: string): ModelDescription | OpenModel {
  return hasWeights(folder) ? openModel(folder) : describeConfig(folder);
}

/** A single file, or an index with at least one shard: of the hub's models the small files may be there alone. */
function hasWeights(folder: string): boolean {
  if (!existsSync(folder)) return false;
  return readdirSync(folder).some((name) => /^model(-\d+-of-\d+)?\.safetensors$/.test(name));
}

function describeConfig(folder: string): ModelDescription {
  const raw = readConfigFile(folder);
  const family = familyOf(raw);
  const config: unknown = family.readConfig(raw);
  const generation = readObject(join(folder, "generation_config.json")) ?? { path: folder, values: {} };
  const facts = family.facts(config, generation);
  const shapes = family.shapes(config);
  const [prefix = ""] = family.prefixes;
  return { folder, family, config, facts, raw, generation, checkpoint: undefined, prefix, shapes };
}

/** Number of trained parameters. */
export function parameterCount(shapes: ReadonlyMap<string, readonly number[]>): number {
  let total = 0;
  for (const shape of shapes.values()) total += shape.reduce((product, size) => product * size, 1);
  return total;
}

/** Family, configuration and facts of a config.json alone: enough for shapes and estimates. */
export function readConfigFile(folder: string): RawConfig {
  const path = join(folder, "config.json");
  const raw = readObject(path);
  if (raw !== undefined) return raw;
  const remedy = "give the folder of a model (config.json, model.safetensors)";
  throw new CheckpointError(`${path}: no such file; ${remedy}`);
}

function readObject(path: string): RawConfig | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  try {
    const values: unknown = JSON.parse(text);
    if (values !== null && typeof values === "object" && !Array.isArray(values)) {
      return { path, values: values as Record<string, unknown> };
    }
  } catch {
    // falls through to the message below
  }
  throw new CheckpointError(`${path}: not a JSON object; the file is damaged, restore or fetch it again`);
}

function openWeights(folder: string): Checkpoint {
  refusePickles(folder);
  try {
    return openSharded(folder);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CheckpointError(reason, { folder }, { cause: error });
  }
}

/** Pickle files can run any code when they are opened; nothing here reads them. */
function refusePickles(folder: string): void {
  const files = readdirSync(folder);
  if (files.some((name) => name.endsWith(".safetensors") || name.endsWith(".safetensors.index.json"))) return;
  const pickle = files.find((name) => /\.(bin|pt|pth|ckpt|pkl)$/.test(name) && name !== "training_args.bin");
  if (pickle === undefined) return;
  throw new UnsupportedError(
    `${join(folder, pickle)}: pickled weights are refused, they can run code when opened; convert them in Python: AutoModel.from_pretrained("${basename(folder)}", trust_remote_code=True).save_pretrained("${basename(folder)}-safe", safe_serialization=True)`,
  );
}

/** How a kind of file names its tensors. */
type Naming = Pick<Family, "name" | "prefixes" | "isBuffer" | "copies">;

/** The prefix of `naming` that the file's names have. */
export function prefixOf(
  naming: Naming,
  checkpoint: Checkpoint,
  shapes: ReadonlyMap<string, readonly number[]>,
): string {
  const names = new Set(checkpoint.names);
  const matches = (prefix: string) => [...shapes.keys()].filter((name) => names.has(prefix + name)).length;
  return naming.prefixes.reduce((best, prefix) => (matches(prefix) > matches(best) ? prefix : best));
}

/** Holds the file's tensors against the shapes; returns the names of buffers. Throws a CheckpointError. */
export function checkTensors({
  folder,
  family,
  checkpoint,
  prefix,
  shapes,
}: Pick<OpenModel, "folder" | "checkpoint" | "prefix" | "shapes"> & { family: Naming }): string[] {
  const present = new Set(checkpoint.names);
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const [name, shape] of shapes) {
    const full = prefix + name;
    if (!present.delete(full)) {
      missing.push(`"${full}"`);
      continue;
    }
    const { shape: found, dtype } = checkpoint.info(full);
    if (found.join() !== shape.join()) {
      misshapen.push(`"${full}" is [${found.join(", ")}], config.json asks for [${shape.join(", ")}]`);
    } else if (!floating.includes(dtype)) {
      misshapen.push(`"${full}" is of ${dtype}, expected floating-point numbers`);
    }
  }
  const buffers: string[] = [];
  const extra: string[] = [];
  for (const name of present) {
    const bare = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    if (family.isBuffer?.(bare) === true || family.copies?.[bare] !== undefined) buffers.push(name);
    else extra.push(`"${name}"`);
  }
  const problems = [
    ...listing("is missing", "are missing", missing),
    ...listing("does not belong to it", "do not belong to it", extra),
    ...listing("cannot be used", "cannot be used", misshapen),
  ];
  if (problems.length === 0) return buffers;
  throw new CheckpointError(
    `${folder}: the weights do not fit config.json (${family.name}): ${problems.join("; ")}`,
    { missing, extra, misshapen },
  );
}

/** At most five names and how many more. */
function listing(one: string, several: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const more = names.length > 5 ? ` and ${names.length - 5} more` : "";
  const count = names.length === 1 ? `1 tensor ${one}` : `${names.length} tensors ${several}`;
  return [`${count}: ${names.slice(0, 5).join(", ")}${more}`];
}

/** Whether a folder looks like a checkpoint. */
export const isModelFolder = (folder: string): boolean => existsSync(join(folder, "config.json"));
