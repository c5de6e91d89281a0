// @ts-check
// SDAR: block diffusion.

import { blockCache, blockLogits } from "./network/blocks.mjs";
import { blockDecoding } from "./sdar/decode.mjs";
import { bookkeeping, samplingFilter } from "./sdar/rules.mjs";
import { generationScript } from "./sdar/script.mjs";

/** @type {import("./table.mjs").Kinds} */
export const kinds = {
  logits_full: blockLogits,
  logits_kv_cache: blockCache,
  decode: blockDecoding,
  generate_script: generationScript,
  sampling_filter: samplingFilter,
  bookkeeping,
};
