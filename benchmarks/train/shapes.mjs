// @ts-check
// The networks that are trained: LLaDA's proportions (MLP three times the hidden size, heads of 128), random weights.
//
//   size  hidden layers heads inner vocabulary  parameters  rows × length
//   10m    256     7      2    768     8192        10 M         8 × 128    (a larger vocabulary would be most of it)
//   100m   768     7      6   2304    32768       104 M         4 × 128
//   300m  1024    17      8   3072    32768       299 M         2 × 128
//   1b    2048    16     16   6144    32768      1007 M         2 × 128    (that of `npm run bench -- models`)

import { shapes } from "../models/shapes.mjs";

/**
 * @typedef {object} Size
 * @property {import("../models/shapes.mjs").Shape} shape
 * @property {number} rows of a batch
 * @property {number} length of a row
 *
 * @typedef {"10m" | "100m" | "300m" | "1b"} SizeName
 */

/** @type {Record<SizeName, Size>} */
export const sizes = {
  "10m": {
    shape: { hidden: 256, layers: 7, heads: 2, keyHeads: 2, inner: 768, vocabulary: 8192 },
    ...{ rows: 8, length: 128 },
  },
  "100m": {
    shape: { hidden: 768, layers: 7, heads: 6, keyHeads: 6, inner: 2304, vocabulary: 32768 },
    ...{ rows: 4, length: 128 },
  },
  "300m": {
    shape: { hidden: 1024, layers: 17, heads: 8, keyHeads: 8, inner: 3072, vocabulary: 32768 },
    ...{ rows: 2, length: 128 },
  },
  "1b": { shape: shapes.llada["1b"], rows: 2, length: 128 },
};

/**
 * The same with two narrow layers and few tokens, to see that it runs.
 * @param {Size} size
 * @returns {Size}
 */
export function small({ rows }) {
  return {
    shape: { hidden: 256, layers: 2, heads: 2, keyHeads: 2, inner: 512, vocabulary: 1024 },
    ...{ rows: Math.min(rows, 4), length: 32 },
  };
}

/** Values in all weights. @param {import("../models/shapes.mjs").Shape} shape */
export function parameterCount({ hidden, layers, inner, vocabulary }) {
  return 2 * vocabulary * hidden + layers * (4 * hidden * hidden + 3 * hidden * inner + 2 * hidden) + hidden;
}

/**
 * Floating-point operations that a step needs: products forward, and twice as many backward (once where the weight is
 * frozen: it wants no gradient). The head counts for the rows whose logits are read; norms and the optimiser for nothing.
 * @param {Size} size
 * @param {{ reads: number, rank: number | undefined }} step rows in the loss; rank of adapters, if only they are trained
 */
export function stepOperations({ shape, rows, length }, { reads, rank }) {
  const { hidden, layers, inner, vocabulary } = shape;
  const tokens = rows * length;
  const products =
    2 * tokens * layers * (4 * hidden * hidden + 3 * hidden * inner) + 2 * reads * hidden * vocabulary;
  const attention = 4 * tokens * length * hidden * layers;
  if (rank === undefined) return 3 * (products + attention);
  // Down and up beside each of the seven projections.
  const beside = 2 * tokens * layers * rank * (4 * 2 * hidden + 3 * (hidden + inner));
  return 2 * products + 3 * (attention + beside);
}
