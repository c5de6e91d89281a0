// @ts-check
// GPT-2 as the scorer of generated text.

import { causalLogits } from "./network/causal.mjs";
import { skipped } from "./skipped.mjs";

/** @type {import("./table.mjs").Kinds} */
export const kinds = {
  logits: causalLogits,
  ...skipped(["generative_perplexity"], "gpt2: the scorer is not implemented yet"),
};
