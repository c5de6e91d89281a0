// @ts-check
// Dream, and Fast-dLLM on it.

import { skipped } from "./skipped.mjs";

/** @type {import("./table.mjs").Kinds} */
export const kinds = skipped(
  ["logits", "vanilla", "fast_dllm_block_prefix", "fast_dllm_block_dual"],
  "dream: the family is not implemented yet",
);
