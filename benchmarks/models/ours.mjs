// @ts-check
// Our side: the only file here that knows how networks are loaded and called.

import { chooseProductDtype, indexSelect, noGrad, reshape, scope, tensor, toNumbers } from "@unmask/torch";
import { loadNetwork } from "../../packages/unmask/dist/models/load.js";
import { timed } from "../lib/pairs.mjs";

/**
 * @typedef {import("./checkpoints.mjs").Dtype} Dtype
 * @typedef {import("@unmask/torch").ProductDtype} ProductDtype
 *
 * @typedef {object} Work one forward
 * @property {number[][]} ids [B, L]
 * @property {number[]} [rows] places in the flattened batch whose logits are wanted; all by default
 * @property {number[][]} [prefix] [B, P] cached beforehand
 */

/** As many values are compared. */
const compared = 256;

/** The dtype in which our products run for weights of a dtype. */
export const productsFor = (/** @type {Dtype} */ weights) =>
  weights === "bfloat16" ? chooseProductDtype() : "float32";

/**
 * Loads a checkpoint, its weights in `dtype`. The files hold bfloat16, which stays mapped.
 * @param {string} folder
 * @param {{ dtype: Dtype, products: ProductDtype }} options
 */
export function loadOurs(folder, { dtype, products }) {
  const loaded = loadNetwork(folder, { dtype: dtype === "bfloat16" ? "auto" : dtype });
  return {
    vocabularySize: loaded.facts.vocabularySize,
    open: (/** @type {Work} */ work) => openWork(loaded.network, work, products),
    close: () => loaded.dispose(),
  };
}

/**
 * @param {import("../../packages/unmask/dist/models/family.js").Network} network
 * @param {Work} work
 * @param {ProductDtype} products
 * @returns {{ run: (count: number) => number } & import("../lib/measure.mjs").Open}
 */
function openWork(network, work, products) {
  const ids_BL = tensor(work.ids, undefined, { dtype: "int64" });
  const rows_N = work.rows && tensor(work.rows, undefined, { dtype: "int64" });
  const cache = work.prefix && filledCache(network, { ...work, prefix: work.prefix }, products);
  const options = { products, ...(cache && { cache: { cache, keep: 0 } }) };
  const forward = () => noGrad(() => network.logits(ids_BL, rows_N, options));
  return {
    value: scope(() => evenly(forward())),
    run: (count) => timed(count, () => scope(() => void forward())),
    close: () => {
      for (const one of [ids_BL, rows_N, cache]) one?.dispose();
    },
  };
}

/**
 * @param {import("../../packages/unmask/dist/models/family.js").Network} network
 * @param {Work & { prefix: number[][] }} work
 * @param {ProductDtype} products
 */
function filledCache(network, { ids, prefix }, products) {
  const width = (/** @type {number[][]} */ rows) => rows[0]?.length ?? 0;
  const capacity = width(prefix) + width(ids);
  const cache = network.createCache({ rows: prefix.length, capacity, products });
  scope(() => {
    const prefix_BP = tensor(prefix, undefined, { dtype: "int64" });
    const one_N = tensor([0], undefined, { dtype: "int64" });
    noGrad(() => void network.logits(prefix_BP, one_N, { products, cache: { cache } }));
  });
  return cache;
}

/**
 * Values at even distances, the first and the last among them; the same as evenly() in peer_cases.py.
 * @param {import("@unmask/torch").Tensor} logits
 */
function evenly(logits) {
  const flat = reshape(logits, [-1]);
  const last = flat.size - 1;
  const places = Array.from({ length: compared }, (_, i) => Math.floor((i * last) / (compared - 1)));
  return toNumbers(indexSelect(flat, 0, tensor(places, undefined, { dtype: "int64" })));
}
