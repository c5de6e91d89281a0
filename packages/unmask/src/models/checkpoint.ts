// MDLM checkpoints as folders: config.json in the fields of Hugging Face's kuleshov-group/mdlm models, and
// model.safetensors with names that begin with "backbone.".

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  clone,
  convert,
  type Device,
  keep,
  openSharded,
  saveSafetensors,
  setRequiresGrad,
  type Tensor,
} from "@unmask/torch";
import { CheckpointError, UnsupportedError } from "../base/errors.ts";
import { type MdlmConfig, mdlmParameterShapes } from "./mdlm.ts";

const prefix = "backbone.";
const floating: readonly string[] = ["float32", "float64", "float16", "bfloat16"];

const fields = {
  vocab_size: "vocabularySize",
  hidden_dim: "hiddenSize",
  cond_dim: "conditionSize",
  n_blocks: "blocks",
  n_heads: "heads",
  model_length: "length",
} as const satisfies Record<string, keyof MdlmConfig>;

/** Reads config.json of a folder. Throws a CheckpointError that names the file and the field. */
export function loadConfig(folder: string): MdlmConfig {
  const path = join(folder, "config.json");
  const raw = readJson(path);
  if (raw.model_type !== "mdlm") {
    throw new CheckpointError(`${path}: model_type is ${JSON.stringify(raw.model_type)}, expected "mdlm"`);
  }
  const config: Partial<Record<(typeof fields)[keyof typeof fields], number>> = {};
  for (const [field, name] of Object.entries(fields)) {
    const value = raw[field];
    if (!Number.isInteger(value) || (value as number) < 1) {
      throw new CheckpointError(
        `${path}: ${field} is ${JSON.stringify(value)}, expected a positive integer; is the file damaged?`,
      );
    }
    config[name] = value as number;
  }
  // Rotary positions turn pairs of numbers within a head.
  if (config.hiddenSize! % (2 * config.heads!) !== 0) {
    throw new CheckpointError(
      `${path}: hidden_dim ${config.hiddenSize} is not a multiple of twice n_heads ${config.heads}`,
    );
  }
  if (raw.time_conditioning === true) {
    throw new UnsupportedError(
      `${path}: time_conditioning is true; networks that are told the time are not served yet, use one trained without`,
    );
  }
  return { ...(config as MdlmConfig), ignoreBos: raw.ignore_bos === true };
}

function readJson(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new CheckpointError(
      `${path}: no such file; give the folder of a model (config.json, model.safetensors)`,
    );
  }
  try {
    const value: unknown = JSON.parse(text);
    if (value !== null && typeof value === "object") return value as Record<string, unknown>;
  } catch {
    // falls through to the message below
  }
  throw new CheckpointError(`${path}: not a JSON object; the file is damaged, restore or retrain the model`);
}

/**
 * Parameters of a folder's model.safetensors (or shards), by name without prefix, copied out of the file as float32
 * whatever their precision there.
 */
export function loadParameters(
  folder: string,
  config: MdlmConfig,
  device: Device = "cpu",
): Map<string, Tensor> {
  const file = openCheckpoint(folder);
  const parameters = new Map<string, Tensor>();
  for (const [name, shape] of mdlmParameterShapes(config)) {
    const full = prefix + name;
    if (!file.names.includes(full))
      throw new CheckpointError(`${folder}: the checkpoint has no tensor "${full}"`);
    const { shape: found, dtype } = file.info(full);
    if (found.join() !== shape.join()) {
      throw new CheckpointError(
        `${folder}: tensor "${full}" has shape [${found.join(", ")}], config.json asks for [${shape.join(", ")}]`,
      );
    }
    if (!floating.includes(dtype)) {
      throw new CheckpointError(
        `${folder}: tensor "${full}" is of ${dtype}, expected floating-point numbers`,
      );
    }
    const mapped = file.tensor(full);
    const converted = convert(mapped, "float32", device);
    parameters.set(name, keep(converted === mapped ? clone(mapped) : converted));
    mapped.dispose();
  }
  return parameters;
}

function openCheckpoint(folder: string) {
  try {
    return openSharded(folder);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CheckpointError(reason, { folder }, { cause: error });
  }
}

/** Writes config.json and model.safetensors (each replaced in one piece). */
export function saveModel(folder: string, config: MdlmConfig, parameters: ReadonlyMap<string, Tensor>): void {
  const named = new Map([...parameters].map(([name, tensor]) => [prefix + name, tensor]));
  saveSafetensors(join(folder, "model.safetensors"), named, { metadata: { format: "pt" } });
  const raw = Object.fromEntries(Object.entries(fields).map(([field, name]) => [field, config[name]]));
  const fixed = { architectures: ["MDLM"], model_type: "mdlm", time_conditioning: false, dropout: 0 };
  const json = { ...fixed, ignore_bos: config.ignoreBos === true, ...raw };
  const path = join(folder, "config.json");
  writeFileSync(`${path}.tmp`, `${JSON.stringify(json, null, 2)}\n`, { flush: true });
  renameSync(`${path}.tmp`, path);
}

/** Makes loaded parameters trainable. */
export function wantGradients(parameters: ReadonlyMap<string, Tensor>): void {
  for (const parameter of parameters.values()) setRequiresGrad(parameter, true);
}
