// @ts-check
// d3LLM on LLaDA and on Dream: decoding, teacher trajectories, distillation.

import { skipped } from "./skipped.mjs";

const parts = ["multi_block", "multi_block_kv", "block_entropy", "teacher_trajectory", "distill"];

/** @type {import("./table.mjs").Kinds} */
export const kinds = skipped(
  ["llada", "dream"].flatMap((model) => parts.map((part) => `${model}_${part}`)),
  "d3llm: the method is not implemented yet",
);
