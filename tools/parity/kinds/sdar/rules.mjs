// @ts-check
// Rules of T3D's engine that need no network: filters of the sampling distribution, quotas, ends of texts.

import { noGrad, scope, softmax } from "../../../../packages/torch/dist/index.js";
import { newCanvas } from "../../../../packages/unmask/dist/decode/canvas.js";
import { releasedLength } from "../../../../packages/unmask/dist/decode/policies/block-diffusion.js";
import { evenShare } from "../../../../packages/unmask/dist/decode/policies/select.js";
import { textEnd } from "../../../../packages/unmask/dist/decode/text-end.js";
import { filter } from "../../../../packages/unmask/dist/propose/sample.js";
import { numbersOf } from "../network/model.mjs";

/** @type {import("../table.mjs").Runner} */
export function samplingFilter(one, check) {
  const tolerance = one.tolerance("probs", { abs: 1e-6 });
  scope(() =>
    noGrad(() => {
      const logits_NV = one.tensor(one.input("logits"));
      for (const row of one.output("rows")) {
        const { temperature, top_k: topK, top_p: topP } = row;
        const sampling = { temperature, topK: topK === 0 ? undefined : topK, topP };
        const probs = numbersOf(softmax(filter(logits_NV, sampling), -1));
        const name = `T ${temperature}, k ${topK}, p ${topP}`;
        check.close(`probs at ${name}`, probs, one.numbers(row.probs), tolerance);
        const width = Number(probs.shape.at(-1));
        const kept = row.kept_per_row.map((/** @type {number} */ _, /** @type {number} */ n) =>
          Array.from(probs.values)
            .slice(n * width, (n + 1) * width)
            .reduce((count, p) => count + Number(p > 0), 0),
        );
        check.exact(`kept at ${name}`, flat(kept), flat(row.kept_per_row));
      }
    }),
  );
}

/** @type {import("../table.mjs").Runner} */
export function bookkeeping(one, check) {
  for (const { block_length: block, denoising_steps: steps, quota_per_step: quota } of one.output("quota")) {
    const own = Array.from({ length: steps }, (_, i) => evenShare(block, steps, i) ?? Number.NaN);
    check.exact(`quota of ${block} in ${steps}`, flat(own), flat(quota));
  }
  one.output("commit").forEach((/** @type {any} */ rule, /** @type {number} */ i) => {
    const found = commit(rule.in);
    const { appended, finished, step_map_appended: steps } = rule.out;
    check.exact(`commit[${i}].appended`, flat(found.appended), flat(appended));
    check.exact(`commit[${i}].finished`, flat([Number(found.finished)]), flat([Number(finished)]));
    check.exact(`commit[${i}].step_map_appended`, flat(found.steps), flat(steps));
  });
}

/**
 * A canvas on which the block has just been finished.
 * @param {any} given
 */
function commit(given) {
  const { block, prompt_length: promptLength, max_tokens: maxTokens } = given;
  const start = promptLength + given.completion_tokens_before;
  const after = start + block.length;
  const to = promptLength + releasedLength(maxTokens, given.early_termination_threshold);
  const noiseId = -1;
  const canvas = newCanvas({
    length: Math.max(to, after) + 1,
    noiseId,
    prompt: new Array(promptLength).fill(noiseId),
  });
  canvas.ids.set(block, start);
  canvas.open.fill(0, 0, after);
  const stopIds = given.ignore_eos ? [] : [given.eos, ...given.stop_words];
  const end = textEnd(canvas, { from: Math.min(start, promptLength), to, stopIds, scansGiven: true });
  const kept = Math.min(end ?? after, after) - start;
  return {
    appended: block.slice(0, kept),
    finished: end !== undefined,
    steps: given.first_reveal_steps_of_block.slice(
      Math.min(promptLength - start < 0 ? 0 : promptLength - start, kept),
      kept,
    ),
  };
}

/** @param {readonly number[]} values */
const flat = (values) => ({ values, shape: [values.length] });
