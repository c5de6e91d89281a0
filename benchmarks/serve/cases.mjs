// @ts-check
// What is served: networks at 0.1B, their usual decoders, 16 requests of different lengths.

import { randomIds } from "../models/cases.mjs";

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} title
 * @property {import("../models/shapes.mjs").FamilyName} family
 * @property {number} newTokens
 * @property {import("../../packages/unmask/dist/decode/decoder.js").OptionValues} options of the family's usual decoder
 * @property {number | null} target least ratio, 16 at once over one at a time
 */

export const requestCount = 16;

/** @type {Case[]} */
export const cases = [
  {
    name: "sdar-block-4",
    title: "SDAR, blocks of 4, a token a forward",
    family: "sdar",
    newTokens: 64,
    options: { block_length: 4, denoising_steps: 4 },
    target: 2.5,
  },
  {
    name: "sdar-block-4-one-step",
    title: "SDAR, blocks of 4, a block a forward",
    family: "sdar",
    newTokens: 64,
    options: { block_length: 4, denoising_steps: 1 },
    target: null,
  },
  {
    name: "llada",
    title: "LLaDA, the whole canvas, 2 tokens a forward",
    family: "llada",
    newTokens: 16,
    options: { steps: 8 },
    target: null,
  },
  {
    name: "dream",
    title: "Dream, the whole canvas, 2 tokens a forward",
    family: "dream",
    newTokens: 16,
    options: { steps: 8 },
    target: null,
  },
];

const shortest = 48;
const quickTokens = 4;

/**
 * The requests of a case: prompts of 48 to 78 tokens, no two alike.
 * @param {Case} one
 * @param {{ vocabularySize: number, quick: boolean }} options
 * @returns {import("../../packages/unmask/dist/serve/engine.js").EngineRequest[]}
 */
export function requestsOf({ newTokens, options }, { vocabularySize, quick }) {
  const ids = (/** @type {number} */ i) => {
    const [row] = randomIds(1, shortest + 2 * i, { vocabularySize: vocabularySize - 16, sequence: i });
    return row ?? [];
  };
  return Array.from({ length: requestCount }, (_, i) => ({
    prompt: { ids: ids(i) },
    maxNewTokens: quick ? quickTokens : newTokens,
    decoderOptions: options,
    seed: i,
  }));
}
