// Which layers an adapter's configuration means, by PEFT's rules (tuners_utils.py, check_target_module_exists):
//
//   a name    the layer's whole name, or what follows a dot in it: "q_proj" is model.layers.3.self_attn.q_proj
//   a regex   (a string instead of a list) matches the whole name
//   "all-linear"                         every linear layer but the head
//   exclude_modules, modules_to_save     win over the targets
//   layers_to_transform                  the first number between dots must be listed (not asked of whole names)
//
// LLaDA's projections are q_proj, k_proj, v_proj, attn_out, ff_proj, up_proj, ff_out. A list written for Llama
// (o_proj, gate_proj, down_proj) matches four of the seven, and PEFT says nothing. And "ff_out" also names the head.

import { UnsupportedError } from "../base/errors.ts";
import type { Network } from "./family.ts";
import { type AdapterConfig, fullMatch } from "./lora-config.ts";
import { Transformer, transformerShapes } from "./parts/transformer.ts";

/** A linear layer that can have an adapter. */
export interface LinearLayer {
  /** As in `Weights.adapters`: without ".weight". */
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly isHead: boolean;
}

/** The network as one that applies adapters. Throws an UnsupportedError for a family that does not. */
export function adaptable(network: Network): Transformer {
  if (network instanceof Transformer) return network;
  throw new UnsupportedError(
    "adapters are served for LLaDA, Dream and SDAR; this network applies none: train all of its weights",
  );
}

/** All linear layers in the order of the network; the head last, unless it is the embedding. */
export function linearLayers({ architecture }: Transformer): LinearLayer[] {
  const { embedding, head } = architecture.names;
  const layers: LinearLayer[] = [];
  for (const [full, shape] of transformerShapes(architecture)) {
    const name = full.replace(/\.weight$/, "");
    if (shape.length !== 2 || name === embedding) continue;
    layers.push({ name, rows: shape[0]!, columns: shape[1]!, isHead: name === head });
  }
  return layers;
}

/** What follows the last dot. */
export const leaf = (name: string): string => name.slice(name.lastIndexOf(".") + 1);

/** Names of the seven projections of every layer, as targets: q_proj, k_proj … */
export function projectionNames({ architecture }: Transformer): string[] {
  const { query, key, value, output, gate, up, down } = architecture.names;
  return [query, key, value, output, gate, up, down].map(leaf);
}

export interface Matches {
  /** Layers to adapt, in the order of the network. */
  readonly layers: readonly LinearLayer[];
  /** Names of layers by what meant them; empty for a target that means none. */
  readonly byTarget: ReadonlyMap<string, readonly string[]>;
}

export function matchLayers(config: AdapterConfig, layers: readonly LinearLayer[]): Matches {
  const isExcluded = excluder(config);
  const open = layers.filter(({ name }) => !isExcluded(name));
  const { targets } = config;
  const tests: [string, (layer: LinearLayer) => boolean][] =
    typeof targets === "string"
      ? [[targets, testOf(targets, config)]]
      : targets.map((target) => [
          target,
          ({ name }) => isNamed(name, target) && isCounted(name, target, config),
        ]);
  const byTarget = new Map(
    tests.map(([target, test]) => [target, open.filter(test).map(({ name }) => name)] as const),
  );
  const meant = new Set([...byTarget.values()].flat());
  return { layers: open.filter(({ name }) => meant.has(name)), byTarget };
}

function testOf(target: string, { raw }: AdapterConfig): (layer: LinearLayer) => boolean {
  if (target.toLowerCase() === "all-linear") return ({ isHead }) => !isHead;
  const regex = fullMatch(target, raw);
  return ({ name }) => regex.test(name);
}

/** PEFT's rule for a name in a list. */
export const isNamed = (name: string, target: string): boolean =>
  name === target || name.endsWith(`.${target}`);

function isCounted(name: string, target: string, config: AdapterConfig): boolean {
  const { layerNumbers, layersPattern, raw } = config;
  if (layerNumbers === undefined || name === target) return true;
  const patterns = layersPattern.length === 0 ? ["[^.]*"] : layersPattern;
  for (const one of patterns) {
    const found = fullMatch(`.*?\\.(?:${one})\\.(?<number>\\d+)\\..*`, raw).exec(name);
    if (found !== null) return layerNumbers.includes(Number(found.groups?.number));
  }
  return false;
}

function excluder({ excluded, wholeModules, raw }: AdapterConfig): (name: string) => boolean {
  const regex = typeof excluded === "string" ? fullMatch(excluded, raw) : undefined;
  const names = typeof excluded === "string" ? [] : excluded;
  return (name) =>
    regex?.test(name) === true ||
    names.some((one) => isNamed(name, one)) ||
    wholeModules.some((one) => isInside(name, one));
}

/** Whether `name` is the module or lies in it, wherever the module's name stands. */
export const isInside = (name: string, module: string): boolean => `.${name}.`.includes(`.${module}.`);
