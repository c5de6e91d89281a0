// @ts-check
// GPT-2: logits and what they say of the next tokens.

import { inPieces } from "./cached.mjs";
import { defaults, numbersOf, withNetwork } from "./model.mjs";

/**
 * @typedef {import("./model.mjs").Case} Case
 * @typedef {import("./model.mjs").Check} Check
 * @typedef {import("./model.mjs").Numbers} Numbers
 */

/** @type {import("../table.mjs").Runner} */
export function causalLogits(one, check) {
  withNetwork(one, ({ network }) => {
    const ids = one.numbers(one.input("ids"));
    const ids_BL = one.tensor(one.input("ids"), "int64");
    const expected = one.numbers(one.output("logits"));
    const tolerance = one.tolerance("logits", defaults.logits);
    const logits = numbersOf(network.logits(ids_BL));
    check.close("logits", logits, expected, tolerance);
    check.close("logits (through the cache)", inPieces(network, ids_BL, [1, 5, 3]), expected, tolerance);
    compareLosses(one, check, nextTokenLosses(logits, ids));
    if (!one.hasOutput("hidden_states")) return;
    // Before the final norm: the embedding and every layer.
    const states = network.hiddenStates(ids_BL).slice(0, -1).map(numbersOf);
    const width = /** @type {Numbers} */ (states[0]).shape.at(-1) ?? 0;
    const values = states.flatMap((state) => Array.from(state.values));
    const stacked = { values, shape: [states.length, ...ids.shape, width] };
    const hidden = one.numbers(one.output("hidden_states"));
    check.close("hidden_states", stacked, hidden, one.tolerance("hidden", defaults.hidden));
  });
}

/**
 * Negative log-likelihoods [B, L − 1] of each next token, in float64.
 * @param {Numbers} logits [B, L, V]
 * @param {Numbers} ids [B, L]
 * @returns {Numbers}
 */
function nextTokenLosses({ values, shape }, ids) {
  const [rows, length, width] = /** @type {[number, number, number]} */ (shape);
  const all = Array.from(values);
  const losses = [];
  for (let b = 0; b < rows; b++) {
    for (let l = 0; l + 1 < length; l++) {
      const at = b * length + l;
      const row = all.slice(at * width, (at + 1) * width);
      const top = Math.max(...row);
      const total = row.reduce((sum, logit) => sum + Math.exp(logit - top), 0);
      losses.push(top + Math.log(total) - Number(row[Number(ids.values[at + 1])]));
    }
  }
  return { values: losses, shape: [rows, length - 1] };
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {Numbers} losses
 */
function compareLosses(one, check, losses) {
  const tolerance = one.tolerance("nll", defaults.nll);
  const mean = Array.from(losses.values).reduce((sum, loss) => sum + loss, 0) / losses.values.length;
  /** @type {(name: string, found: Numbers, allowed: import("../../case.mjs").Tolerance) => void} */
  const compare = (name, found, allowed) => {
    if (one.hasOutput(name)) check.close(name, found, one.numbers(one.output(name)), allowed);
  };
  compare("nll_of_next_token", losses, tolerance);
  compare("mean_nll", { values: [mean], shape: [] }, tolerance);
  // exp turns an absolute difference into a relative one.
  const share = { rel: tolerance.abs ?? 1e-4 };
  compare("perplexity", { values: [Math.exp(mean)], shape: [] }, share);
}
