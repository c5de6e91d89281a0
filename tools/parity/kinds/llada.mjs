// @ts-check
// LLaDA, and Fast-dLLM on it.

import { skipped } from "./skipped.mjs";

/** @type {import("./table.mjs").Kinds} */
export const kinds = skipped(
  ["logits", "transfer_schedule", "vanilla", "fast_dllm_nocache", "fast_dllm_prefix", "fast_dllm_dual"],
  "llada: the family is not implemented yet",
);
