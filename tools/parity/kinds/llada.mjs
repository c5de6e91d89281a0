// @ts-check
// LLaDA, and Fast-dLLM on it.

import { fastDllmDecoder } from "../../../packages/unmask/dist/decode/policies/fast-dllm.js";
import { lowConfidenceDecoder } from "../../../packages/unmask/dist/decode/policies/low-confidence.js";
import { evenShare } from "../../../packages/unmask/dist/decode/policies/select.js";
import { decoderCase } from "./decoder-setting.mjs";
import { fullLogits } from "./network/full.mjs";

/** @type {import("./table.mjs").Runner} */
function transferSchedule(one, check) {
  /** @type {{ masks: number, steps: number, schedule: number[] }[]} */
  const cases = one.json.cases;
  for (const { masks, steps, schedule } of cases) {
    check.exact(
      `${masks} masks in ${steps} steps`,
      one.numbers(Array.from({ length: steps }, (_, i) => evenShare(masks, steps, i))),
      one.numbers(schedule),
    );
  }
}

/** @param {"none" | "prefix" | "dual"} cache */
const fastDllm = (cache) => decoderCase(fastDllmDecoder, (values) => ({ ...values, cache }));

/** @type {import("./table.mjs").Kinds} */
export const kinds = {
  logits: fullLogits,
  transfer_schedule: transferSchedule,
  vanilla: decoderCase(lowConfidenceDecoder),
  fast_dllm_nocache: fastDllm("none"),
  fast_dllm_prefix: fastDllm("prefix"),
  fast_dllm_dual: fastDllm("dual"),
};
