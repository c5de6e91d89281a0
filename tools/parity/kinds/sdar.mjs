// @ts-check
// SDAR: block diffusion.

import { skipped } from "./skipped.mjs";

/** @type {import("./table.mjs").Kinds} */
export const kinds = skipped(
  ["logits_full", "logits_kv_cache", "decode", "generate_script", "sampling_filter", "bookkeeping"],
  "sdar: the family is not implemented yet",
);
