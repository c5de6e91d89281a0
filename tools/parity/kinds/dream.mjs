// @ts-check
// Dream, and Fast-dLLM on it.

import { fullLogits } from "./network/full.mjs";
import { skipped } from "./skipped.mjs";

/** @type {import("./table.mjs").Kinds} */
export const kinds = {
  logits: fullLogits,
  ...skipped(
    ["vanilla", "fast_dllm_block_prefix", "fast_dllm_block_dual"],
    "dream: its decoding is not implemented yet",
  ),
};
