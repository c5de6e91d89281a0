// @ts-check
// Draws on the reference's own random numbers: the exponential race over steps, and over candidates by their scores.

import { indexSelect, reshape, tensor, toNumbers } from "../../../../packages/torch/dist/index.js";
import { exponentialRace } from "../../../../packages/unmask/dist/diffusion/released.js";
import { transitionWeights } from "../../../../packages/unmask/dist/propose/transition.js";

/**
 * @typedef {import("../../case.mjs").Tensor} Tensor
 * @typedef {import("../../../../packages/unmask/dist/decode/policies/policy.js").Request} Request
 */

/**
 * The rows of the candidates, of numbers [canvases · length, …].
 * @param {Tensor} numbers
 * @param {readonly Request[]} requests
 */
export function openRows(numbers, requests) {
  const rows = requests.flatMap(({ canvas, plan }) =>
    Array.from(plan.candidates, (column) => canvas.sequence * canvas.length + column),
  );
  return indexSelect(numbers, 0, tensor(BigInt64Array.from(rows, BigInt)));
}

/**
 * The exponential race of every draw: uniforms [B, L, V], or [B, M, L, V] for M draws of each.
 * @param {Tensor} probability_NV
 * @param {readonly Request[]} requests
 * @param {Tensor} uniforms
 */
export function race(probability_NV, requests, uniforms) {
  const weights_NV = transitionWeights(probability_NV, requests);
  const V = Number(uniforms.shape.at(-1));
  if (uniforms.shape.length === 3) {
    return exponentialRace(weights_NV, openRows(reshape(uniforms, [-1, V]), requests));
  }
  const [, M, L] = /** @type {[number, number, number, number]} */ (uniforms.shape);
  const drawn = Array.from({ length: M }, (_, j) => {
    const rows = requests.flatMap(({ canvas, plan }) =>
      Array.from(plan.candidates, (column) => (canvas.sequence * M + j) * L + column),
    );
    const rows_N = tensor(BigInt64Array.from(rows, BigInt));
    const uniforms_NV = indexSelect(reshape(uniforms, [-1, V]), 0, rows_N);
    return toNumbers(exponentialRace(weights_NV, uniforms_NV));
  });
  const N = weights_NV.shape[0] ?? 0;
  const tokens = Array.from({ length: N * M }, (_, i) => Number(drawn[i % M]?.[Math.floor(i / M)]));
  return tensor(BigInt64Array.from(tokens, BigInt), [N, M]);
}

/**
 * The reference's choice: the exponential race of softmax(scores).
 * @param {readonly number[]} scores
 * @param {ArrayLike<number>} uniforms
 */
export function chosenBy(scores, uniforms) {
  const probability = chances(scores);
  const speed = probability.map((p, j) => p / (1e-10 - Math.log(Number(uniforms[j]) + 1e-10)));
  return speed.indexOf(Math.max(...speed));
}

/** @param {readonly number[]} scores */
export function chances(scores) {
  const largest = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - largest));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}
