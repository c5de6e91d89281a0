// @ts-check
// What is learnt: random answers behind random prompts under LLaDA's objective, noised as the trainer does it.

import { fillUniform, streams } from "../../packages/unmask/dist/base/rng.js";
import { describeModel } from "../../packages/unmask/dist/models/open.js";
import { answerMethod } from "../../packages/unmask/dist/train/masked-method.js";
import { noiseOf } from "../../packages/unmask/dist/train/objective.js";

/**
 * @typedef {object} TaskSizes
 * @property {string} folder of the checkpoint
 * @property {number} seed
 * @property {number} rows of a batch
 * @property {number} length of a row; a quarter of it is the prompt
 */

/** @param {TaskSizes} sizes */
export function makeTask({ folder, seed, length }) {
  const { facts } = describeModel(folder);
  // Special tokens stand at the vocabulary's end.
  const usual = facts.vocabularySize - 8;
  const answer = (/** @type {number} */ number) => {
    const draws = new Float64Array(length);
    fillUniform(draws, { seed, stream: streams.shuffle }, number, 0);
    return { ids: Int32Array.from(draws, (draw) => Math.floor(draw * usual)), promptLength: length >> 2 };
  };
  const noise = noiseOf({ noise: "absorbing" }, facts);
  return {
    method: answerMethod({ noise, padId: Number(facts.padId) }),
    source: {
      count: undefined,
      fingerprint: "random",
      at: async (/** @type {readonly number[]} */ numbers) => numbers.map(answer),
    },
    answer,
  };
}

/**
 * The first batches of a run, as its step prepares them.
 * @param {TaskSizes} sizes
 * @param {number} count
 */
export function batchesOf(sizes, count) {
  const { method, answer } = makeTask(sizes);
  const { seed, rows } = sizes;
  return Array.from({ length: count }, (_, step) => {
    const examples = Array.from({ length: rows }, (_, row) => step * rows + row);
    const place = { seed, step, examples, first: 0, count: rows, progress: 0 };
    return method.prepare(examples.map(answer), place);
  });
}
