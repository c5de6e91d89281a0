// New adapters, to be trained.
//
// The reference that trains LLaDA (d3LLM) lists Llama's seven names, of which LLaDA has four, and trains those without a
// word. Here a name that matches no layer is refused, and the default is whatever the family calls its seven projections.

import { keep, setRequiresGrad, type Tensor, tensor, zeros } from "@unmask/torch";
import { UsageError } from "../base/errors.ts";
import { distance } from "../base/nearest.ts";
import { fillUniform, streams } from "../base/rng.ts";
import type { Network } from "./family.ts";
import { type AdapterSet, attachAdapters, newSet, refuseInt8 } from "./lora.ts";
import { newConfigValues, parseAdapterConfig, sizesOf } from "./lora-config.ts";
import {
  adaptable,
  isNamed,
  type LinearLayer,
  leaf,
  linearLayers,
  matchLayers,
  projectionNames,
} from "./lora-targets.ts";
import type { Adapter } from "./parts/weights.ts";

export interface NewAdapters {
  readonly rank: number;
  /** The rank by default: scale 1. */
  readonly alpha?: number | undefined;
  /**
   * Names of layers, or one regex; all seven projections of every layer by default ("all-linear"). A name that means
   * projections and the head (LLaDA's "ff_out") leaves the head out; its whole name adapts it.
   */
  readonly targets?: readonly string[] | string | undefined;
  readonly useRslora?: boolean | undefined;
  readonly seed: number;
  /** Written into the files: where the base model is. */
  readonly baseModel?: string | undefined;
  /** Written into the files: PEFT's task_type, such as "CAUSAL_LM". */
  readonly taskType?: string | undefined;
}

/** Attaches new adapters that want gradients. Throws a UsageError for a target that matches no layer. */
export function createAdapters(network: Network, options: NewAdapters): AdapterSet {
  const target = adaptable(network);
  const all = linearLayers(target);
  const { rank, alpha = rank, useRslora = false, seed, baseModel, taskType } = options;
  if (!Number.isSafeInteger(rank) || rank < 1) {
    throw new UsageError(`the rank of adapters is ${rank}; give a positive integer, such as 16`, { rank });
  }
  if (!(alpha > 0) || !Number.isFinite(alpha)) {
    throw new UsageError(`alpha of adapters is ${alpha}; give a positive number, such as the rank`, {
      alpha,
    });
  }
  if (options.targets?.length === 0) throw new UsageError("adapters need targets; give names of layers");
  const targets = isAllLinear(options.targets) ? projectionNames(target) : (options.targets ?? []);
  const excluded = ambiguousHead(targets, all);
  const values = newConfigValues({ rank, alpha, useRslora, targets, excluded, baseModel, taskType });
  const config = parseAdapterConfig({ path: "new adapters", values });
  const { layers, byTarget } = matchLayers(config, all);
  refuseUnmatched(byTarget, all);
  refuseInt8(target, layers);
  const place = new Map(all.map(({ name }, index) => [name, index]));
  const adapters = layers.map((layer) => {
    const { scale } = sizesOf(config, layer.name);
    const like = target.weights.get(`${layer.name}.weight`);
    const begun = newAdapter(layer, { rank, scale, like, seed, sequence: place.get(layer.name)! });
    return [layer.name, begun] as const;
  });
  const set: AdapterSet = {
    ...newSet(target, config, byTarget),
    layers: new Map(adapters),
    whole: new Map(),
  };
  attachAdapters(set);
  return set;
}

interface Start {
  readonly rank: number;
  readonly scale: number;
  /** The layer's weight. */
  readonly like: Tensor;
  readonly seed: number;
  readonly sequence: number;
}

function newAdapter({ rows, columns }: LinearLayer, { rank, scale, like, seed, sequence }: Start): Adapter {
  const placed = { dtype: like.dtype === "float64" ? "float64" : "float32", device: like.device } as const;
  const bound = 1 / Math.sqrt(columns);
  const values = new Float32Array(rank * columns);
  fillUniform(values, { seed, stream: streams.initialise }, sequence, 1);
  for (let i = 0; i < values.length; i++) values[i] = (2 * values[i]! - 1) * bound;
  const down = setRequiresGrad(keep(tensor(values, [rank, columns], placed)), true);
  const up = setRequiresGrad(keep(zeros([rows, rank], placed)), true);
  return { down, up, scale };
}

const isAllLinear = (targets: NewAdapters["targets"]): boolean =>
  targets === undefined || (typeof targets === "string" && targets.toLowerCase() === "all-linear");

/** The head, if names mean it only together with projections. */
function ambiguousHead(targets: readonly string[] | string, layers: readonly LinearLayer[]): string[] {
  const head = layers.find(({ isHead }) => isHead)?.name;
  if (head === undefined || typeof targets === "string") return [];
  const naming = targets.filter((target) => isNamed(head, target));
  const alone = naming.some((target) => !layers.some(({ isHead, name }) => !isHead && isNamed(name, target)));
  return naming.length > 0 && !alone ? [head] : [];
}

function refuseUnmatched(
  byTarget: ReadonlyMap<string, readonly string[]>,
  layers: readonly LinearLayer[],
): void {
  const unmatched = [...byTarget].filter(([, found]) => found.length === 0).map(([target]) => target);
  const [first] = unmatched;
  if (first === undefined) return;
  const names = [...new Set(layers.map(({ name }) => leaf(name)))];
  names.sort((a, b) => distance(first, a) - distance(first, b));
  const quoted = unmatched.map((target) => JSON.stringify(target)).join(", ");
  const verb = unmatched.length === 1 ? "matches" : "match";
  throw new UsageError(`${quoted} ${verb} no layer of this network; it has ${names.join(", ")}`, {
    unmatched,
    names,
  });
}
