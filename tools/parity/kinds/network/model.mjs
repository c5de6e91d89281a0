// @ts-check
// The network of a case, whatever its family, and what the cases of all families share.

import { noGrad, scope, toNumbers } from "../../../../packages/torch/dist/index.js";
import { loadNetwork } from "../../../../packages/unmask/dist/models/load.js";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../case.mjs").Numbers} Numbers
 * @typedef {import("../../case.mjs").Tensor} Tensor
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("../../../../packages/unmask/dist/models/family.js").Network} Network
 * @typedef {import("../../../../packages/unmask/dist/models/family.js").ForwardOptions} ForwardOptions
 * @typedef {import("../../../../packages/unmask/dist/models/load.js").LoadedNetwork} LoadedNetwork
 */

/** Differences that float32 rounding explains (fixtures' README), where a case names none. */
export const defaults = {
  logits: { abs: 5e-4 },
  hidden: { abs: 1e-4 },
  nll: { abs: 1e-4 },
};

/**
 * Runs `body` with the network of a checkpoint, by default the case's, without gradients, and frees everything.
 * @template Result
 * @param {Case} one
 * @param {(loaded: LoadedNetwork) => Result} body
 * @param {string} [folder]
 */
export function withNetwork(one, body, folder = one.checkpoint()) {
  const loaded = loadNetwork(folder);
  try {
    return scope(() => noGrad(() => body(loaded)));
  } finally {
    loaded.dispose();
  }
}

/** @param {Tensor} tensor @returns {Numbers} */
export const numbersOf = (tensor) => ({ values: toNumbers(tensor), shape: [...tensor.shape] });

/**
 * The index of the largest number of each row.
 * @param {Numbers} logits [..., V]
 * @returns {Numbers}
 */
export function argmax({ values, shape }) {
  const width = /** @type {number} */ (shape.at(-1));
  const rows = Array.from({ length: values.length / width }, (_, row) => {
    let best = 0;
    for (let v = 1; v < width; v++) {
      const [value, largest] = [values[row * width + v], values[row * width + best]];
      if (Number(value) > Number(largest)) best = v;
    }
    return best;
  });
  return { values: rows, shape: shape.slice(0, -1) };
}

/**
 * Rows of [..., W] numbers, by index into the flattened rest.
 * @param {Numbers} numbers
 * @param {readonly number[]} rows
 * @returns {Numbers}
 */
export function pickRows({ values, shape }, rows) {
  const width = /** @type {number} */ (shape.at(-1));
  const all = Array.from(values);
  return {
    values: rows.flatMap((row) => all.slice(row * width, (row + 1) * width)),
    shape: [rows.length, width],
  };
}
