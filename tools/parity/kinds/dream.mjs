// @ts-check
// Dream, and Fast-dLLM on it.

import { dreamDecoder } from "../../../packages/unmask/dist/decode/policies/dream.js";
import { fastDllmDreamDecoder } from "../../../packages/unmask/dist/decode/policies/fast-dllm-dream.js";
import { decoderCase } from "./decoder-setting.mjs";
import { fullLogits } from "./network/full.mjs";

const fastDllm = decoderCase(fastDllmDreamDecoder, ({ dual_cache: isDual, ...values }) => ({
  ...values,
  cache: isDual ? "dual" : "prefix",
}));

/** @type {import("./table.mjs").Kinds} */
export const kinds = {
  logits: fullLogits,
  vanilla: decoderCase(dreamDecoder),
  fast_dllm_block_prefix: fastDllm,
  fast_dllm_block_dual: fastDllm,
};
