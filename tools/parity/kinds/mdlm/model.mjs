// @ts-check
// The network of a case, and tensors as plain numbers.

import { toNumbers } from "../../../../packages/torch/dist/index.js";
import { loadNetwork } from "../../../../packages/unmask/dist/models/load.js";
import { Mdlm } from "../../../../packages/unmask/dist/models/mdlm.js";

/** Differences that float32 rounding explains (fixtures' README), where a case names none. */
export const defaults = {
  logits: { abs: 2e-4, rel: 1e-4 },
  hidden: { abs: 1e-4 },
  probabilities: { abs: 1e-4 },
  loss: { rel: 1e-5 },
  time: { abs: 1e-6 },
};

/**
 * Runs `body` with the network of the case's checkpoint and frees it.
 * @template Result
 * @param {import("../../case.mjs").Case} one
 * @param {(network: Mdlm) => Result | Promise<Result>} body
 */
export async function withNetwork(one, body) {
  const { network, dispose } = loadNetwork(one.checkpoint());
  try {
    if (!(network instanceof Mdlm)) throw new Error("the checkpoint is of another family");
    return await body(network);
  } finally {
    dispose();
  }
}

/**
 * The case's mask id; MDLM appends the mask to the vocabulary.
 * @param {import("../../case.mjs").Case} one
 * @param {Mdlm} network
 * @returns {number}
 */
export function maskIdOf(one, network) {
  return one.json.inputs?.mask_id ?? one.json.arguments?.mask_id ?? network.config.vocabularySize - 1;
}

/** @param {import("../../case.mjs").Tensor} tensor */
export function numbersOf(tensor) {
  return { values: toNumbers(tensor), shape: [...tensor.shape] };
}
