// @ts-check
// Checkpoints of random numbers, made once and kept in a cache folder.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import {
  call,
  convert,
  createGenerator,
  empty,
  float,
  keep,
  operator,
  saveSharded,
  scope,
} from "@unmask/torch";
import { configOf, shapes, weightsOf } from "./shapes.mjs";

/** @typedef {"float32" | "bfloat16"} Dtype */

export const defaultCache = join(homedir(), ".cache", "unmask", "bench-models");

const normal = operator("aten::normal_");
/** Logits of the random head stand out from each other as a trained one's do. */
const usualSpread = 3;

/**
 * The folder of a checkpoint in the cache; makes it if it is not there.
 * @param {import("./shapes.mjs").FamilyName} family
 * @param {import("./shapes.mjs").SizeName} size
 * @param {{ cache: string, dtype: Dtype, say: (text: string) => void, spread?: number }} options `spread` is the
 *   standard deviation of the logits
 */
export function checkpoint(family, size, { spread = usualSpread, ...options }) {
  const variant = spread === usualSpread ? "" : `-spread-${spread}`;
  const name = `${family}-${size}-${options.dtype}${variant}`;
  return namedCheckpoint(name, { family, shape: shapes[family][size] }, { ...options, spread });
}

/**
 * The same for any shape, by a name of its own.
 * @param {string} name
 * @param {{ family: import("./shapes.mjs").FamilyName, shape: import("./shapes.mjs").Shape }} network
 * @param {{ cache: string, dtype: Dtype, say: (text: string) => void, spread?: number }} options
 */
export function namedCheckpoint(name, { family, shape }, { cache, dtype, say, spread = usualSpread }) {
  const folder = join(cache, name);
  const config = { ...configOf(family, shape), torch_dtype: dtype };
  const text = `${JSON.stringify(config, undefined, 2)}\n`;
  const path = join(folder, "config.json");
  if (existsSync(path) && readFileSync(path, "utf8") === text) return folder;
  say(`… making ${folder}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  save(folder, weightsOf(family, shape), { dtype, spread });
  // Last: without it the folder counts as not made.
  writeFileSync(path, text);
  return folder;
}

/**
 * @param {string} folder
 * @param {[name: string, shape: number[]][]} weights
 * @param {{ dtype: Dtype, spread: number }} options
 */
function save(folder, weights, options) {
  const generator = createGenerator(1);
  scope(() => {
    const tensors = new Map(
      weights.map(([name, shape]) => [name, scope(() => keep(draw(name, shape, { ...options, generator })))]),
    );
    try {
      saveSharded(folder, tensors, { metadata: { format: "pt" } });
    } finally {
      for (const one of tensors.values()) one.dispose();
    }
  });
}

/**
 * Normal numbers of variance 1 / inputs, so that every layer adds as much as it gets; norms' weights are near 1.
 * @param {string} name
 * @param {number[]} shape
 * @param {{ dtype: Dtype, spread: number, generator: import("@unmask/torch").Generator }} options
 */
function draw(name, shape, { dtype, spread, generator }) {
  const tensor = empty(shape);
  const inputs = shape.at(-1) ?? 1;
  const flat = shape.length === 1;
  const isNorm = flat && !name.endsWith(".bias");
  const isTable = /wte|embed_tokens/.test(name);
  const isHead = /^(lm_head|model\.transformer\.ff_out)/.test(name);
  const deviation = flat ? 0.1 : isTable ? 1 : (isHead ? spread : 1) / Math.sqrt(inputs);
  call(normal, tensor, float(isNorm ? 1 : 0), float(deviation), generator);
  return convert(tensor, dtype, undefined);
}

/**
 * The files that hold weights.
 * @param {string} folder
 */
export function weightFiles(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".safetensors"))
    .map((name) => join(folder, name));
}

/**
 * Bytes of the weights' files.
 * @param {string} folder
 */
export function weightBytes(folder) {
  return weightFiles(folder).reduce((sum, path) => sum + statSync(path).size, 0);
}
