// @ts-check
// The same ids through a cache of keys and values: in pieces, and fed a second time over their own entries.

import { cat, narrow } from "../../../../packages/torch/dist/index.js";
import { numbersOf } from "./model.mjs";

/**
 * @typedef {import("./model.mjs").Network} Network
 * @typedef {import("./model.mjs").ForwardOptions} ForwardOptions
 * @typedef {import("./model.mjs").Tensor} Tensor
 */

/**
 * Logits [B, L, V] of ids fed in pieces, each seeing what came before it. Exact where nobody sees a later piece.
 * @param {Network} network
 * @param {Tensor} ids_BL
 * @param {readonly number[]} pieces lengths, repeated until the ids are used up
 * @param {ForwardOptions} [options]
 */
export function inPieces(network, ids_BL, pieces, options = {}) {
  const [rows, length] = /** @type {[number, number]} */ (ids_BL.shape);
  const cache = network.createCache({ rows, capacity: 1 });
  /** @type {Tensor[]} */
  const parts = [];
  for (let i = 0; cache.length < length; i++) {
    const count = Math.min(Number(pieces[i % pieces.length]), length - cache.length);
    const piece = slice(options, cache.length, count);
    parts.push(
      network.logits(narrow(ids_BL, 1, cache.length, count), undefined, { ...piece, cache: { cache } }),
    );
  }
  const logits = numbersOf(cat(parts, { dim: 1 }));
  cache.dispose();
  return logits;
}

/**
 * Logits [B, L, V] of ids that all lie in the cache already, fed again piece by piece over their own entries.
 * @param {Network} network
 * @param {Tensor} ids_BL
 * @param {readonly number[]} pieces
 * @param {ForwardOptions} [options]
 */
export function fedAgain(network, ids_BL, pieces, options = {}) {
  const [rows, length] = /** @type {[number, number]} */ (ids_BL.shape);
  const cache = network.createCache({ rows, capacity: length });
  network.logits(ids_BL, undefined, { ...options, cache: { cache } });
  /** @type {Tensor[]} */
  const parts = [];
  for (let i = 0, at = 0; at < length; i++) {
    const count = Math.min(Number(pieces[i % pieces.length]), length - at);
    const piece = { ...slice(options, at, count), padding: options.padding };
    parts.push(network.logits(narrow(ids_BL, 1, at, count), undefined, { ...piece, cache: { cache, at } }));
    at += count;
  }
  const logits = numbersOf(cat(parts, { dim: 1 }));
  cache.dispose();
  return logits;
}

/**
 * The options of positions start … start + count, with the padding of all up to there.
 * @param {ForwardOptions} options
 * @param {number} start
 * @param {number} count
 * @returns {ForwardOptions}
 */
function slice({ positions, padding, ...rest }, start, count) {
  return {
    ...rest,
    positions: positions === undefined ? undefined : narrow(positions, -1, start, count),
    padding: padding === undefined ? undefined : narrow(padding, 1, 0, start + count),
  };
}
