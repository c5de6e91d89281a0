// @ts-check
// What a process that trains is told.

/**
 * @typedef {object} Spec
 * @property {string} folder of the checkpoint
 * @property {"float32" | "bfloat16"} weights their dtype in memory, as far as the side can choose it
 * @property {{ rank: number, folder: string } | null} adapter trained in the place of all weights; our side makes it
 * @property {import("@unmask/torch").ProductDtype} products
 * @property {number} threads
 * @property {number} seed
 * @property {number} rows
 * @property {number} length
 * @property {{ learningRate: number, betas: [number, number], eps: number, weightDecay: number, clip: number }} update
 * @property {number} untimed steps before those that are timed
 * @property {number} timed
 * @property {{ tokens: number, hidden: number, inner: number }} product
 * @property {string} batches file of the batches, for Python
 * @property {string | null} optimiser the peer's form of AdamW; null lets it choose
 * @property {string} result file to be written
 *
 * @typedef {object} Outcome
 * @property {number[]} losses of all steps
 * @property {number[]} seconds of the timed ones
 * @property {number} base most memory held before anything was loaded, bytes
 * @property {number} peak most memory held in the steps
 * @property {boolean} sinceLoading whether the peak leaves loading out
 * @property {number | null} product GFLOP/s; ours alone measures it
 * @property {string | null} blas
 * @property {string} [optimiser]
 * @property {Record<string, number>} [selection] seconds of an update by form of AdamW
 */

/** As the trainer's defaults are; a rate at which random weights move. */
export const update = {
  learningRate: 1e-4,
  betas: /** @type {[number, number]} */ ([0.9, 0.99]),
  eps: 1e-8,
  weightDecay: 0.01,
  clip: 1,
};

export const seed = 1;
/** Losses of the first steps must agree: forward, backward and optimiser are then the same on both sides. */
export const comparedSteps = 3;
export const adapterRank = 16;
