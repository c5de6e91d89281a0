// @ts-check
// The networks that are distilled, small ones of each method's home family, and random texts for them.

import { fillUniform, streams } from "../../packages/unmask/dist/base/rng.js";
import { freshModel, initialiseFresh, saveFresh } from "../../packages/unmask/dist/models/fresh.js";

/**
 * @typedef {"sdar" | "llada" | "mdlm"} Family
 *
 * @typedef {object} Size
 * @property {number} hidden
 * @property {number} layers
 * @property {number} heads
 * @property {number} vocabulary
 * @property {number} rows of a batch
 * @property {number} length of a row
 */

/** @type {Size} */
export const usualSize = { hidden: 256, layers: 4, heads: 4, vocabulary: 4096, rows: 8, length: 128 };
/** @type {Size} */
export const quickSize = { hidden: 64, layers: 2, heads: 2, vocabulary: 256, rows: 4, length: 64 };
export const seed = 1;

/**
 * A fresh network in a folder, as every role of a distillation is loaded.
 * @param {string} folder
 * @param {Family} family
 * @param {Size} size
 */
export function makeModel(folder, family, { hidden, layers, heads, vocabulary, length }) {
  const maskId = vocabulary - 1;
  const model = freshModel(family, {
    ...{
      hiddenSize: hidden,
      layers,
      heads,
      length,
      vocabularySize: vocabulary,
      maskId,
      endIds: [vocabulary - 2],
    },
  });
  const parameters = initialiseFresh(model, { seed, device: "cpu", dtype: "float32" });
  saveFresh(folder, model, parameters);
  for (const one of parameters.values()) one.dispose();
  // MDLM's configuration does not say where the mask is.
  return { ...model.facts, maskId, padId: vocabulary - 2 };
}

/**
 * An example of any method, by number: a text that is its own trajectory, revealed from left to right, one token a forward.
 * @param {Size} size
 * @param {{ promptLength: number }} options
 */
export function exampleOf({ length, vocabulary }, { promptLength }) {
  return (/** @type {number} */ number) => {
    const draws = new Float64Array(length);
    fillUniform(draws, { seed, stream: streams.shuffle }, number, 0);
    const ids = Array.from(draws, (draw) => Math.floor(draw * (vocabulary - 2)));
    const steps = Array.from({ length: length - promptLength }, (_, i) => i);
    const trace = { promptLength, steps, count: steps.length };
    return { sequence: number, ids, promptLength, steps, tail: 0, trace };
  };
}
