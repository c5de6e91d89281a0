// @ts-check
// LLaDA, and Fast-dLLM on it.

import { fullLogits } from "./network/full.mjs";
import { skipped } from "./skipped.mjs";

/** @type {import("./table.mjs").Kinds} */
export const kinds = {
  logits: fullLogits,
  ...skipped(
    ["transfer_schedule", "vanilla", "fast_dllm_nocache", "fast_dllm_prefix", "fast_dllm_dual"],
    "llada: its decoding is not implemented yet",
  ),
};
