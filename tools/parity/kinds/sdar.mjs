// @ts-check
// SDAR: block diffusion.

import { blockCache, blockLogits } from "./network/blocks.mjs";
import { skipped } from "./skipped.mjs";

/** @type {import("./table.mjs").Kinds} */
export const kinds = {
  logits_full: blockLogits,
  logits_kv_cache: blockCache,
  ...skipped(
    ["decode", "generate_script", "sampling_filter", "bookkeeping"],
    "sdar: its decoding is not implemented yet",
  ),
};
