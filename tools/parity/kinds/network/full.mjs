// @ts-check
// LLaDA and Dream: one forward in which everybody sees everybody, with and without padding.

import { existsSync } from "node:fs";
import { tensor } from "../../../../packages/torch/dist/index.js";
import { fedAgain } from "./cached.mjs";
import { argmax, defaults, numbersOf, pickRows, withNetwork } from "./model.mjs";

/**
 * @typedef {import("./model.mjs").Case} Case
 * @typedef {import("./model.mjs").Check} Check
 * @typedef {import("./model.mjs").Numbers} Numbers
 */

const uneven = [5, 1, 3];

/** @type {import("../table.mjs").Runner} */
export function fullLogits(one, check) {
  const ids_BL = () => one.tensor(one.input("input_ids"), "int64");
  const options = () => optionsOf(one);
  const expected = one.numbers({ tensor: "logits" });
  one.informational("tensors", "keys", "summary");
  const rows = comparedRows(one, expected.shape);
  const tolerance = one.tolerance("logits", defaults.logits);
  /** @type {(name: string, found: Numbers) => void} */
  const compare = (name, found) =>
    check.close(name, pickRows(found, rows), pickRows(expected, rows), tolerance);
  const single = withNetwork(one, ({ network }) => {
    const logits = numbersOf(network.logits(ids_BL(), undefined, options()));
    compare("logits", logits);
    const recorded = one.numbers(one.output("argmax"));
    check.exact("argmax", pickRows(column(argmax(logits)), rows), pickRows(column(recorded), rows));
    compareHidden(one, check, { rows, states: network.hiddenStates(ids_BL(), options()).map(numbersOf) });
    const rows_N = tensor(BigInt64Array.from(rows, BigInt));
    const picked = numbersOf(network.logits(ids_BL(), rows_N, options()));
    check.close("logits (picked rows)", picked, pickRows(expected, rows), tolerance);
    compare("logits (fed again over the cache)", fedAgain(network, ids_BL(), uneven, options()));
    return logits;
  });
  const sharded = `${one.checkpoint()}_sharded`;
  if (!existsSync(sharded)) return;
  withNetwork(
    one,
    ({ network }) => {
      const logits = numbersOf(network.logits(ids_BL(), undefined, options()));
      check.exact("logits (sharded checkpoint, bit for bit)", logits, single);
    },
    sharded,
  );
}

/**
 * Padding and positions. Where a case has padding and compares all positions nevertheless, the recorded model took
 * attention_mask and ignored it; so does this run.
 * @param {Case} one
 * @returns {import("./model.mjs").ForwardOptions}
 */
function optionsOf(one) {
  const { attention_mask: mask, position_ids: positions } = one.json.inputs;
  const honoured = mask != null && one.hasOutput("compare_positions");
  const ignored = mask != null && !honoured && Array.from(one.numbers(mask).values).includes(0);
  const note = "released: the reference takes attention_mask and ignores it";
  if (ignored && !one.notes.includes(note)) one.notes.push(note);
  return {
    padding: honoured ? one.tensor(mask, "bool") : undefined,
    positions: positions == null ? undefined : one.tensor(positions, "int64"),
  };
}

/**
 * Indices into the flattened positions that count: all, or those marked in compare_positions.
 * @param {Case} one
 * @param {readonly number[]} shape of the logits
 */
function comparedRows(one, shape) {
  const count = shape.slice(0, -1).reduce((product, size) => product * size, 1);
  const all = Array.from({ length: count }, (_, row) => row);
  one.informational("compare_positions");
  if (!one.hasOutput("compare_positions")) return all;
  const { values } = one.numbers(one.output("compare_positions"));
  return all.filter((row) => values[row] === 1);
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ rows: number[], states: Numbers[] }} found [embedding, after each layer …, after the final norm]
 */
function compareHidden(one, check, { rows, states }) {
  const tolerance = one.tolerance("hidden", defaults.hidden);
  const places = { hidden_embedding: 0, hidden_after_layer_0: 1, hidden_final_norm: -1 };
  for (const [name, place] of Object.entries(places)) {
    if (!one.tensorNames(name).includes(name)) continue;
    const found = /** @type {Numbers} */ (states.at(place));
    check.close(name, pickRows(found, rows), pickRows(one.numbers({ tensor: name }), rows), tolerance);
  }
}

/** [...] as [..., 1]. @param {Numbers} numbers @returns {Numbers} */
const column = ({ values, shape }) => ({ values, shape: [...shape, 1] });
