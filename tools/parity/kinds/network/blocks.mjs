// @ts-check
// SDAR: block-causal forwards, whole and block by block through the cache.

import { narrow } from "../../../../packages/torch/dist/index.js";
import { inPieces } from "./cached.mjs";
import { argmax, defaults, numbersOf, withNetwork } from "./model.mjs";

/**
 * @typedef {import("./model.mjs").Case} Case
 * @typedef {import("./model.mjs").ForwardOptions} ForwardOptions
 * @typedef {import("./model.mjs").Numbers} Numbers
 * @typedef {import("./model.mjs").Tensor} Tensor
 */

/**
 * The case's block length, else the model's.
 * @param {Case} one
 * @param {import("./model.mjs").LoadedNetwork} loaded
 */
const blockLengthOf = (one, { facts }) => one.argument("block_size", facts.blockLength ?? 1);

/** @type {import("../table.mjs").Runner} */
export function blockLogits(one, check) {
  withNetwork(one, (loaded) => {
    const { network } = loaded;
    const blockLength = blockLengthOf(one, loaded);
    const { position_ids: given } = one.json.inputs;
    /** @type {ForwardOptions} */
    const options = {
      visibility: { kind: "block-causal", blockLength },
      positions: Array.isArray(given) ? one.tensor(given, "int64") : undefined,
    };
    const ids_BL = one.tensor(one.input("input_ids"), "int64");
    const expected = one.numbers(one.output("logits"));
    const tolerance = one.tolerance("logits", defaults.logits);
    const logits = numbersOf(network.logits(ids_BL, undefined, options));
    check.close("logits", logits, expected, tolerance);
    const recorded = one.json.argmax ?? one.json.outputs.argmax;
    if (recorded != null) check.exact("argmax", argmax(logits), one.numbers(recorded));
    one.informational("argmax");
    const pieces = [2, 1, 1].map((blocks) => blocks * blockLength);
    check.close(
      "logits (through the cache)",
      inPieces(network, ids_BL, pieces, options),
      expected,
      tolerance,
    );
    if (!one.hasOutput("hidden_states")) return;
    // The recorded list has the final norm where the last layer's own output would stand.
    const states = network.hiddenStates(ids_BL, options).map(numbersOf);
    states.splice(-2, 1);
    const stacked = {
      values: states.flatMap(({ values }) => Array.from(values)),
      shape: [states.length, ...ids_BL.shape, /** @type {Numbers} */ (states[0]).shape.at(-1) ?? 0],
    };
    const hidden = one.numbers(one.output("hidden_states"));
    check.close("hidden_states", stacked, hidden, one.tolerance("hidden", defaults.hidden));
  });
}

/** @type {import("../table.mjs").Runner} */
export function blockCache(one, check) {
  withNetwork(one, (loaded) => {
    const { network } = loaded;
    const blockLength = blockLengthOf(one, loaded);
    const clean_BL = one.tensor(one.input("clean_ids"), "int64");
    const noisy_BL = one.tensor(one.input("noisy_ids"), "int64");
    const [rows, length] = /** @type {[number, number]} */ (clean_BL.shape);
    const tolerance = one.tolerance("logits", defaults.logits);
    /** @type {ForwardOptions} */
    const options = { visibility: { kind: "block-causal", blockLength } };
    const cache = network.createCache({ rows, capacity: blockLength });
    /** @type {(ids_BL: Tensor, start: number, count: number, keep: number) => Numbers} */
    const feed = (ids_BL, start, count, keep) => {
      const use = { cache, keep };
      return numbersOf(
        network.logits(narrow(ids_BL, 1, start, count), undefined, { ...options, cache: use }),
      );
    };
    /** @type {(name: string, found: Numbers) => void} */
    const compare = (name, found) => {
      if (one.hasOutput(name)) check.close(name, found, one.numbers(one.output(name)), tolerance);
    };
    const prefill = one.argument("prefill_blocks", 1) * blockLength;
    compare("prefill_logits", feed(clean_BL, 0, prefill, prefill));
    for (let start = prefill; start < length; start += blockLength) {
      const count = Math.min(blockLength, length - start);
      // Looked at and not kept: the clean block that follows must find no trace of it.
      if (start + count === length) compare("denoise_last_block_logits", feed(noisy_BL, start, count, 0));
      compare(`block_${start / blockLength}_logits`, feed(clean_BL, start, count, count));
    }
    const { keys, values } = cache.layer(0);
    compare("layer0_keys_after_rope", numbersOf(keys));
    compare("layer0_values", numbersOf(values));
    cache.dispose();
    if (!one.hasOutput("prefill_logits")) return;
    const whole = narrow(network.logits(clean_BL, undefined, options), 1, 0, prefill);
    const expected = one.numbers(one.output("prefill_logits"));
    check.close("prefill_logits (one full pass)", numbersOf(whole), expected, tolerance);
  });
}
