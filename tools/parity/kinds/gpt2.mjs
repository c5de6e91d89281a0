// @ts-check
// GPT-2 as the scorer of generated text.

import { chunkScores, textQuality } from "../../../packages/unmask/dist/evaluate/perplexity.js";
import { unigramEntropy } from "../../../packages/unmask/dist/evaluate/text-statistics.js";
import { causalLogits } from "./network/causal.mjs";
import { defaults, withNetwork } from "./network/model.mjs";

/**
 * @typedef {import("../case.mjs").Case} Case
 * @typedef {import("../compare.mjs").Check} Check
 * @typedef {import("../case.mjs").Numbers} Numbers
 * @typedef {import("../../../packages/unmask/dist/models/load.js").LoadedNetwork} LoadedNetwork
 *
 * @typedef {object} Run one setting of the scorer
 * @property {string} name
 * @property {number} scorer_batch_size
 * @property {number} context_chunk
 * @property {number} samples_given
 * @property {number} samples_scored
 * @property {number} generative_perplexity
 * @property {number} sum_nll
 * @property {number} scored_tokens
 * @property {number[][][]} per_update_masked_nll batch by batch and chunk by chunk
 * @property {string[][]} per_update_valid
 */

/** @param {number} value @returns {Numbers} */
const scalar = (value) => ({ values: [value], shape: [] });

/** @type {import("./table.mjs").Runner} */
function generativePerplexity(one, check) {
  /** @type {number[][]} */
  const samples = one.input("samples");
  const endId = Number(one.input("eos_id"));
  withNetwork(one, (judge) => {
    /** @type {Run[]} */
    const runs = one.output("runs");
    for (const run of runs) compareRun(one, check, { judge, samples, endId, run });
    const alone = samples.map((ids) => textQuality(judge, [ids], { endId }).perplexity);
    if (one.hasOutput("per_sample_perplexity_for_information")) {
      const expected = one.numbers(one.output("per_sample_perplexity_for_information"));
      const found = { values: alone, shape: [alone.length] };
      check.close("per_sample_perplexity", found, expected, one.tolerance("perplexity", { rel: 1e-4 }));
    }
  });
  compareEntropy(one, check, samples);
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ judge: LoadedNetwork, samples: number[][], endId: number, run: Run }} what
 */
function compareRun(one, check, { judge, samples, endId, run }) {
  const setting = { endId, batchSize: run.scorer_batch_size, chunk: run.context_chunk };
  const released = /** @type {const} */ ({ ...setting, rule: "released" });
  const found = textQuality(judge, samples, released);
  const share = one.tolerance("perplexity", { rel: 1e-4 });
  const at = (/** @type {string} */ what) => `${run.name}: ${what}`;
  check.close(at("perplexity"), scalar(found.perplexity), scalar(run.generative_perplexity), share);
  check.close(at("sum_nll"), scalar(found.nll), scalar(run.sum_nll), share);
  check.exact(at("scored_tokens"), scalar(found.scoredTokens), scalar(run.scored_tokens));
  check.exact(at("samples"), scalar(found.texts), scalar(run.samples_given));
  check.exact(at("samples_scored"), scalar(found.scoredTexts), scalar(run.samples_scored));
  const updates = [...chunkScores(judge, samples, released)];
  check.exact(at("updates"), scalar(updates.length), scalar(run.per_update_valid.length));
  for (const [i, { rows, targets, losses, scored }] of updates.entries()) {
    const shape = [rows, targets];
    const valid = one.numbers(run.per_update_valid[i]);
    check.exact(at(`valid[${i}]`), { values: scored, shape }, valid);
    const expected = one.numbers(run.per_update_masked_nll[i]);
    check.close(at(`nll[${i}]`), { values: losses, shape }, expected, one.tolerance("nll", defaults.nll));
  }
  if (run.samples_scored === run.samples_given) return;
  // The corrected rule scores what the released one drops.
  const all = textQuality(judge, samples, { ...setting, rule: "corrected" });
  check.exact(at("samples_scored (corrected)"), scalar(all.scoredTexts), scalar(run.samples_given));
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {number[][]} samples
 */
function compareEntropy(one, check, samples) {
  const entropies = samples.map(unigramEntropy);
  const mean = entropies.reduce((sum, entropy) => sum + entropy, 0) / entropies.length;
  const tolerance = one.tolerance("entropy", { abs: 1e-6 });
  const each = one.numbers(one.output("unigram_entropy_per_sample_nats"));
  check.close("unigram_entropy", { values: entropies, shape: [entropies.length] }, each, tolerance);
  const expected = one.numbers(one.output("mean_unigram_entropy"));
  check.close("mean_unigram_entropy", scalar(mean), expected, tolerance);
}

/** @type {import("./table.mjs").Kinds} */
export const kinds = { logits: causalLogits, generative_perplexity: generativePerplexity };
