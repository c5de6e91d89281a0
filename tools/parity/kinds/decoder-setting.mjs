// @ts-check
// Decode cases by a line of the table of decoders, in released fidelity: the case's arguments are its options.

import { tensor } from "../../../packages/torch/dist/index.js";
import { readOptions } from "../../../packages/unmask/dist/decode/decoder.js";
import { classifierFree } from "../../../packages/unmask/dist/propose/guidance.js";
import { runDecodeCase } from "./decode-run.mjs";

/**
 * @typedef {import("../../../packages/unmask/dist/decode/decoder.js").Decoder} Decoder
 * @typedef {import("../case.mjs").Case} Case
 */

/** Arguments that say what is decoded and in which form it is returned, not how. */
const elsewhere = new Set([
  ...["gen_length", "max_new_tokens", "mask_id", "mask_token_id", "eos_id", "eot_id"],
  ...["output_history", "return_dict_in_generate"],
]);

/**
 * @param {Decoder} decoder
 * @param {(values: Record<string, any>) => Record<string, any>} [translate] from the case's arguments to options
 * @returns {import("./table.mjs").Runner}
 */
export const decoderCase =
  (decoder, translate = (values) => values) =>
  (one, check) => {
    /** @type {import("../../../packages/torch/dist/index.js").Tensor | undefined} */
    let forbidden;
    const run = runDecodeCase(one, check, (loaded) => {
      const newTokens = one.argument("max_new_tokens", one.argument("gen_length", 0));
      const { eos_id: eos, eot_id: eot } = one.json.arguments;
      const endIds = eos === undefined ? loaded.facts.endIds : [eos, eot];
      const ready = decoder.create(readOptions(decoder, translate(optionsOf(one))), {
        facts: { ...loaded.facts, endIds },
        seed: 0,
        fidelity: "released",
        promptLength: one.input("prompt")[0].length,
        newTokens,
      });
      const { guidance = 0, forbiddenIds = [] } = ready;
      if (forbiddenIds.length > 0) {
        const column = new Float32Array(loaded.facts.vocabularySize);
        for (const id of forbiddenIds) column[id] = -1e30;
        forbidden = tensor(column);
      }
      return {
        newTokens,
        policy: () => ready.policy,
        // The cases measure logits as the network gives them.
        measuresRaw: forbidden !== undefined,
        proposer: {
          sampling: ready.sampling,
          needsMargin: ready.policy.needsMargin,
          guide: guidance > 0 ? classifierFree(guidance) : undefined,
          forbidden,
        },
      };
    });
    return run.finally(() => forbidden?.dispose());
  };

/** @param {Case} one @returns {Record<string, any>} */
function optionsOf(one) {
  const given = Object.entries(one.json.arguments);
  return Object.fromEntries(given.filter(([name, value]) => value !== null && !elsewhere.has(name)));
}
