// @ts-check
// What is decoded, and by which decoder; the options of both sides, each in its own words.

import { randomIds } from "../models/cases.mjs";

/**
 * @typedef {import("./ours.mjs").Work} Work
 *
 * @typedef {object} Kind
 * @property {string} name
 * @property {string} title
 * @property {"llada" | "sdar"} family
 * @property {"multiBlockSpeed" | "oneStepSpeed" | "vanillaSpeed"} target
 * @property {import("./ours.mjs").Fidelity} [fidelity] corrected by default
 * @property {number} newTokens
 * @property {{ decoder: string, options: import("./ours.mjs").OptionValues }} ours
 * @property {{ decoder: string, options: Record<string, number> }} theirs
 */

export const promptLength = 64;
/** Standard deviation of the logits, at which decoding at the usual threshold writes several tokens a forward. */
export const spread = 15;

const multiBlock = {
  ours: {
    block_length: 32,
    threshold: 0.5,
    block_add_threshold: 0.1,
    decoded_token_threshold: 0.95,
    early_stop: false,
  },
  theirs: { block_length: 32, threshold: 0.5, block_add: 0.1, decoded: 0.95 },
};
const oneStep = {
  ours: { block_length: 4, denoising_steps: 1, remasking_strategy: "low_confidence_static" },
  theirs: { block_length: 4, steps: 1 },
};

/** @type {Kind[]} */
export const kinds = [
  {
    name: "llada-multi-block",
    title: "LLaDA multi-block",
    family: "llada",
    target: "multiBlockSpeed",
    newTokens: 128,
    ours: { decoder: "multi_block", options: multiBlock.ours },
    theirs: { decoder: "multi_block", options: multiBlock.theirs },
  },
  {
    name: "llada-multi-block-cache",
    title: "LLaDA multi-block, delayed cache",
    family: "llada",
    target: "multiBlockSpeed",
    newTokens: 128,
    ours: { decoder: "multi_block", options: { ...multiBlock.ours, cache_delay_iter: 2 } },
    theirs: { decoder: "multi_block", options: { ...multiBlock.theirs, delay: 2 } },
  },
  {
    name: "llada-vanilla",
    title: "LLaDA, a token a forward",
    family: "llada",
    target: "vanillaSpeed",
    newTokens: 32,
    ours: { decoder: "low_confidence", options: { block_length: 32, steps: 32 } },
    theirs: { decoder: "vanilla", options: { block_length: 32, steps: 32 } },
  },
  {
    name: "sdar-one-step",
    title: "SDAR, a step a block of 4",
    family: "sdar",
    target: "oneStepSpeed",
    newTokens: 64,
    ours: { decoder: "block_diffusion", options: oneStep.ours },
    theirs: { decoder: "block_diffusion", options: oneStep.theirs },
  },
  {
    name: "sdar-one-step-released",
    title: "SDAR, a step a block of 4, released",
    family: "sdar",
    target: "vanillaSpeed",
    fidelity: "released",
    newTokens: 64,
    ours: { decoder: "block_diffusion", options: oneStep.ours },
    theirs: { decoder: "block_diffusion", options: oneStep.theirs },
  },
];

/**
 * @param {Kind} kind
 * @param {object} model
 * @param {number} model.maskId
 * @param {number} model.vocabularySize
 * @param {boolean} model.quick
 * @param {(work: Work) => Promise<import("../lib/measure.mjs").Open>} model.open
 * @returns {import("../lib/measure.mjs").Case & { newTokens: number }}
 */
export function caseOf(kind, { maskId, vocabularySize, quick, open }) {
  const { name, title, target, fidelity = "corrected", ours, theirs } = kind;
  const newTokens = quick ? Math.min(32, kind.newTokens) : kind.newTokens;
  const [prompt = []] = randomIds(1, quick ? 16 : promptLength, { vocabularySize, sequence: 400 });
  return {
    name,
    title,
    unit: "tokens/s",
    // Tokens are the same or they are not.
    tolerance: 0,
    slow: true,
    target: { kind: target, atMost: false },
    figure: (seconds, repetitions) => (newTokens * repetitions) / seconds,
    request: {
      case: "decode",
      decoder: theirs.decoder,
      prompt,
      options: { mask_id: maskId, new_tokens: newTokens, ...theirs.options },
    },
    newTokens,
    open: () => open({ ...ours, fidelity, prompt, newTokens }),
  };
}
