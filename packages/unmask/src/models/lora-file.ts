// The tensors of adapter_model.safetensors, sorted by what they are for and held against the network and against
// adapter_config.json.
//
//   [base_model.model.]<layer>.lora_A[.<adapter>].weight     [rank, in]; lora_B [out, rank]
//   [base_model.model.]<parameter>                           a parameter brought whole, also spelt
//                                                            <module>.modules_to_save[.<adapter>].weight and
//                                                            <module>.base_layer.weight

import type { Checkpoint } from "@unmask/torch";
import { CheckpointError, UnsupportedError } from "../base/errors.ts";
import { type AdapterConfig, sizesOf } from "./lora-config.ts";
import { isInside, type LinearLayer, linearLayers } from "./lora-targets.ts";
import type { Transformer } from "./parts/transformer.ts";

export interface AdapterFile {
  /** Full names of A and B by layer, in the order of the network. */
  readonly pairs: ReadonlyMap<string, { readonly down: string; readonly up: string }>;
  /** Full names by parameter of the network. */
  readonly whole: ReadonlyMap<string, string>;
}

interface Opened {
  readonly folder: string;
  readonly config: AdapterConfig;
  readonly checkpoint: Checkpoint;
  readonly network: Transformer;
  /** Layers that the configuration means. */
  readonly layers: readonly LinearLayer[];
}

const floating: readonly string[] = ["float32", "float64", "float16", "bfloat16"];

/** Throws a CheckpointError with the first five of what is missing, has no place or has the wrong shape. */
export function checkAdapterFile(opened: Opened): AdapterFile {
  const { layers, folder } = opened;
  const { halves, whole, problems } = sortTensors(opened);
  const pairs = new Map<string, { down: string; up: string }>();
  for (const layer of layers) {
    const { A: down, B: up } = halves.get(layer.name) ?? {};
    halves.delete(layer.name);
    if (down === undefined) problems.push(`"${layer.name}" has no lora_A`);
    if (up === undefined) problems.push(`"${layer.name}" has no lora_B`);
    if (down === undefined || up === undefined) continue;
    problems.push(...misshapen(opened, layer, { down, up }));
    pairs.set(layer.name, { down, up });
  }
  const known = new Set(linearLayers(opened.network).map(({ name }) => name));
  for (const layer of halves.keys()) {
    const why = known.has(layer)
      ? "which target_modules does not name"
      : "which is no linear layer of the model";
    problems.push(`the file adapts "${layer}", ${why}`);
  }
  problems.push(...missingModules(opened, whole));
  if (pairs.size === 0 && whole.size === 0 && problems.length === 0) {
    problems.push("target_modules names no layer of the model");
  }
  if (problems.length === 0) return { pairs, whole };
  const more = problems.length > 5 ? `; and ${problems.length - 5} more` : "";
  throw new CheckpointError(
    `${folder}: the adapter does not fit the model: ${problems.slice(0, 5).join("; ")}${more}`,
    { problems },
  );
}

type Halves = Map<string, { A?: string; B?: string }>;

function sortTensors({ checkpoint, network, config, folder }: Opened) {
  const halves: Halves = new Map();
  const whole = new Map<string, string>();
  const problems: string[] = [];
  for (const full of checkpoint.names) {
    const name = full.replace(/^base_model\.model\./, "");
    const { dtype, shape } = checkpoint.info(full);
    if (!floating.includes(dtype)) problems.push(`"${full}" is of ${dtype}, expected floating-point numbers`);
    const [, layer, side] = /^(.+)\.lora_(A|B)(?:\.[^.]+)?\.weight$/.exec(name) ?? [];
    if (layer !== undefined) {
      const half = halves.get(layer) ?? {};
      if (half[side as "A" | "B"] !== undefined) problems.push(`"${layer}" has lora_${side} twice`);
      half[side as "A" | "B"] = full;
      halves.set(layer, half);
      continue;
    }
    const parameter = name.replace(/\.(base_layer|modules_to_save(\.[^.]+)?)(?=\.[^.]+$)/, "");
    const own = network.parameters.get(parameter);
    if (own === undefined) problems.push(`"${full}" has no place in the model`);
    else if (own.dtype === "int8") {
      throw new UnsupportedError(
        `${folder}: the adapter brings "${parameter}" whole, which the model holds as int8; load the model without dtype int8`,
      );
    } else if (own.shape.join() !== shape.join()) {
      problems.push(`"${full}" is [${shape.join(", ")}], the model's is [${own.shape.join(", ")}]`);
    } else whole.set(parameter, full);
  }
  refuseTied(network, whole, config);
  return { halves, whole, problems };
}

/** PEFT unties the two then: the head keeps the old table. */
function refuseTied(
  { architecture }: Transformer,
  whole: ReadonlyMap<string, string>,
  config: AdapterConfig,
) {
  if (!architecture.tied || !whole.has(`${architecture.names.embedding}.weight`)) return;
  throw new UnsupportedError(
    `${config.raw.path}: the adapter brings the embedding whole, which is also the head of this model; such adapters are not served`,
  );
}

function misshapen(
  { checkpoint, config }: Opened,
  layer: LinearLayer,
  { down, up }: { down: string; up: string },
): string[] {
  const { rank } = sizesOf(config, layer.name);
  const wanted: [string, number[]][] = [
    [down, [rank, layer.columns]],
    [up, [layer.rows, rank]],
  ];
  return wanted.flatMap(([full, shape]) => {
    const found = checkpoint.info(full).shape;
    if (found.join() === shape.join()) return [];
    return [`"${full}" is [${found.join(", ")}], rank ${rank} and the model ask for [${shape.join(", ")}]`];
  });
}

/** Modules of modules_to_save that the model lacks, or whose parameters the file lacks. */
function missingModules({ config, network }: Opened, whole: ReadonlyMap<string, string>): string[] {
  return config.wholeModules.flatMap((module) => {
    const inside = [...network.parameters.keys()].filter((name) => isInside(name, module));
    if (inside.length === 0) return [`modules_to_save names "${module}", which the model has not`];
    return inside.filter((name) => !whole.has(name)).map((name) => `"${name}" of modules_to_save is missing`);
  });
}
