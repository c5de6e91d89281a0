// LoRA (Hu et al. 2021, arXiv 2106.09685): beside a layer's frozen weight W [out, in] stand A [rank, in] and
// B [out, rank], and the layer computes
//
//   W x + scale · B (A x),   scale = alpha / rank, or alpha / √rank (rank-stabilised, arXiv 2312.03732)
//
// A begins uniform in ±1/√in (PEFT's Kaiming uniform with a = √5), B zero: a new adapter changes nothing. Numbers of A
// depend on the seed and on the layer's place in the network, not on which other layers are adapted.
//
// On disk an adapter is PEFT's: adapter_config.json (lora-config.ts) and adapter_model.safetensors with
// base_model.model.<layer>.lora_A.weight and .lora_B.weight. Every tensor of the file must find its layer, and every
// layer that the configuration names must have its pair; PEFT is silent about either. Modules of modules_to_save, and
// copies of base weights that PEFT adds where the head is adapted, take the place of the network's own parameters.
//
// A network has one set of adapters at a time. The set owns its tensors: A and B as stored, or float32 where they are
// trained (float64 beside float64 weights). Dropout is not applied.

import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  type Checkpoint,
  clone,
  convert,
  type Dtype,
  keep,
  openSafetensors,
  scope,
  setRequiresGrad,
  type Tensor,
} from "@unmask/torch";
import { CheckpointError, UnsupportedError, UsageError } from "../base/errors.ts";
import type { Network } from "./family.ts";
import { type AdapterConfig, adapterFolder, readAdapterConfig, sizesOf } from "./lora-config.ts";
import { type AdapterFile, checkAdapterFile } from "./lora-file.ts";
import { adaptable, type LinearLayer, linearLayers, matchLayers } from "./lora-targets.ts";
import type { Transformer } from "./parts/transformer.ts";
import type { Adapter } from "./parts/weights.ts";

export const weightsName = "adapter_model.safetensors";

export interface AdapterSet {
  readonly network: Transformer;
  readonly config: AdapterConfig;
  /** By name of the layer. */
  readonly layers: ReadonlyMap<string, Adapter>;
  /** Parameters that it brings whole (modules_to_save), by name. */
  readonly whole: ReadonlyMap<string, Tensor>;
  /** Layers by the target that meant them; a target that means none has an empty list. */
  readonly matched: ReadonlyMap<string, readonly string[]>;
  /** "spent": merged for good, its tensors are gone. */
  state: "attached" | "detached" | "merged" | "spent";
  /** The network's own parameters while whole ones stand in their place, by name. */
  readonly replaced: Map<string, Tensor>;
  /** Copies of the weights that merging wrote over, by layer. */
  readonly originals: Map<string, Tensor>;
}

export interface LoadAdapterOptions {
  /** Copies in float32 that want gradients; as stored, without, by default. */
  readonly trainable?: boolean | undefined;
}

/**
 * Reads a folder with PEFT's files, or a training run's, and attaches its adapters. Throws a CheckpointError that lists what does not fit, or
 * an UnsupportedError.
 */
export function loadAdapter(path: string, network: Network, options: LoadAdapterOptions = {}): AdapterSet {
  const folder = adapterFolder(path);
  const target = adaptable(network);
  const config = readAdapterConfig(folder);
  const checkpoint = openAdapter(folder);
  const { layers, byTarget } = matchLayers(config, linearLayers(target));
  const file = checkAdapterFile({ folder, config, checkpoint, network: target, layers });
  if (options.trainable === true) refuseInt8(target, layers);
  const read = reader(checkpoint, target, options.trainable === true);
  const set: AdapterSet = {
    ...newSet(target, config, byTarget),
    layers: readLayers(file, config, read),
    whole: new Map(
      [...file.whole].map(([name, full]) => [name, read(full, name, target.weights.get(name).dtype)]),
    ),
  };
  checkpoint.close();
  attachAdapters(set);
  return set;
}

/** All of a set but its adapters. */
export function newSet(
  network: Transformer,
  config: AdapterConfig,
  matched: AdapterSet["matched"],
): Omit<AdapterSet, "layers" | "whole"> {
  return { network, config, matched, state: "detached", replaced: new Map(), originals: new Map() };
}

/** What an optimiser updates, by the name in PEFT's files. */
export function adapterParameters({
  layers,
  whole,
}: Pick<AdapterSet, "layers" | "whole">): Map<string, Tensor> {
  const named = new Map<string, Tensor>();
  for (const [layer, { down, up }] of layers) {
    named.set(`base_model.model.${layer}.lora_A.weight`, down);
    named.set(`base_model.model.${layer}.lora_B.weight`, up);
  }
  for (const [name, value] of whole) named.set(`base_model.model.${name}`, value);
  return named;
}

/** The network computes with the set's adapters from now on. */
export function attachAdapters(set: AdapterSet): void {
  const { network, layers, whole, replaced } = set;
  expectState(set, ["detached"], "attached");
  const { adapters } = network.weights;
  if (adapters.size > 0) {
    throw new UsageError(
      "the network has adapters already; detach those, or merge them, before others are attached",
    );
  }
  for (const [layer, adapter] of layers) adapters.set(layer, adapter);
  for (const [name, value] of whole) replaced.set(name, exchange(network, name, value));
  set.state = "attached";
}

/** The network computes without the set's adapters from now on; they can be attached again. */
export function detachAdapters(set: AdapterSet): void {
  const { network, layers, whole, replaced } = set;
  expectState(set, ["attached"], "detached");
  for (const layer of layers.keys()) network.weights.adapters.delete(layer);
  for (const name of whole.keys()) exchange(network, name, replaced.get(name)!);
  replaced.clear();
  set.state = "detached";
}

/** Detaches and frees the adapters. What is merged stays merged. */
export function disposeAdapters(set: AdapterSet): void {
  if (set.state === "spent") return;
  if (set.state === "attached") detachAdapters(set);
  const kept = set.state === "merged" ? [] : set.whole.values();
  const pairs = [...set.layers.values()].flatMap(({ down, up }) => [down, up]);
  for (const one of [...pairs, ...kept, ...set.replaced.values(), ...set.originals.values()]) one.dispose();
  set.replaced.clear();
  set.originals.clear();
  set.state = "spent";
}

export function expectState(set: AdapterSet, states: readonly AdapterSet["state"][], verb: string): void {
  if (states.includes(set.state)) return;
  throw new UsageError(`the adapters are ${set.state}, only ${states.join(" or ")} ones can be ${verb}`);
}

/** Puts another tensor in a parameter's place; returns the one that stood there. */
function exchange({ parameters }: Network, name: string, value: Tensor): Tensor {
  const before = parameters.get(name)!;
  (parameters as Map<string, Tensor>).set(name, value);
  return before;
}

function openAdapter(folder: string): Checkpoint {
  const path = join(folder, weightsName);
  if (!existsSync(path) && existsSync(join(folder, "adapter_model.bin"))) {
    throw new UnsupportedError(
      `${folder}: adapter_model.bin is pickled, and pickled weights are refused (they can run code when opened); save the adapter in Python with safe_serialization=True`,
    );
  }
  try {
    return openSafetensors(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CheckpointError(reason, { folder }, { cause: error });
  }
}

type Read = (full: string, parameter: string, dtype?: Dtype) => Tensor;

/** Reads tensors onto the device of the network's parameter, outside every scope. */
function reader(checkpoint: Checkpoint, { weights }: Transformer, trainable: boolean): Read {
  return (full, parameter, dtype) => {
    const { device, dtype: base } = weights.get(parameter);
    return scope(() => {
      const stored = checkpoint.tensor(full);
      const wide: Dtype = base === "float64" ? "float64" : "float32";
      const result = convert(stored, trainable ? wide : (dtype ?? stored.dtype), device);
      if (!trainable) return keep(result);
      return keep(setRequiresGrad(result === stored ? clone(stored) : result, true));
    });
  };
}

function readLayers({ pairs }: AdapterFile, config: AdapterConfig, read: Read): Map<string, Adapter> {
  const layers = new Map<string, Adapter>();
  for (const [layer, { down, up }] of pairs) {
    const weight = `${layer}.weight`;
    const { scale } = sizesOf(config, layer);
    layers.set(layer, { down: read(down, weight), up: read(up, weight), scale });
  }
  return layers;
}

/** Throws an UnsupportedError for int8 weights. */
export function refuseInt8({ weights }: Transformer, layers: readonly LinearLayer[]): void {
  const found = layers.find(({ name }) => weights.get(`${name}.weight`).dtype === "int8");
  if (found === undefined) return;
  throw new UnsupportedError(
    `adapters cannot be trained on int8 weights ("${found.name}"), gradients do not flow through them; load the model without dtype int8`,
  );
}
