// @ts-check
// d3LLM on LLaDA and on Dream: decoding, teacher trajectories, distillation.

import { blockEntropyDecoder } from "../../../packages/unmask/dist/decode/policies/block-entropy.js";
import { multiBlock } from "../../../packages/unmask/dist/decode/policies/multi-block.js";
import { distillation } from "./d3llm/distillation.mjs";
import { teacherTrajectory } from "./d3llm/trajectory.mjs";
import { runDecodeCase } from "./decode-run.mjs";
import { decoderCase } from "./decoder-setting.mjs";

/** Commits everything: what the published code means by no threshold. */
const noThreshold = 999;
/** From this delay on the published code for Dream uses no cache. */
const never = 10_000;

/**
 * Multi-block decoding as published. The policy's own count of forwards is the reference's nfe.
 * @param {"llada" | "dream"} rule
 * @param {boolean} hasCache
 * @returns {import("./table.mjs").Runner}
 */
const multiBlockCase = (rule, hasCache) => (one, check) =>
  runDecodeCase(one, check, () => {
    const delay = one.argument("cache_delay_iter", never);
    const refreshInterval = one.argument("refresh_interval", never);
    const endId = one.json.arguments.eos_token_id;
    const policy = multiBlock({
      rule,
      released: true,
      blockLength: one.argument("block_size", 32),
      threshold: one.json.arguments.threshold ?? noThreshold,
      blockAddThreshold: one.argument("block_add_threshold", 0.5),
      decodedTokenThreshold: one.argument("decoded_token_threshold", 0.5),
      cache: hasCache ? { delay, refreshInterval } : undefined,
      endIds: one.argument("early_stop", false) && endId != null ? [endId] : [],
      remasking: "low_confidence",
      seed: 0,
    });
    one.informational("first_eos_position", "non_eos_after_first_eos");
    one.informational("cache_length_differs_from_input_start_at_steps");
    let counted = () => 0;
    return {
      newTokens: one.argument("max_new_tokens", 0),
      policy: () => ({
        ...policy,
        start(canvas) {
          const decoder = policy.start(canvas);
          counted = () => decoder.counted;
          return decoder;
        },
      }),
      nfe: () => counted(),
    };
  });

/** Block by block: the threshold is all that the published code heeds of its options there. */
const blockEntropy = decoderCase(
  blockEntropyDecoder,
  ({ temperature, block_length, threshold: entropy_threshold }) => ({
    temperature,
    block_length,
    entropy_threshold,
  }),
);

/** @type {import("./table.mjs").Kinds} */
export const kinds = {
  llada_block_entropy: blockEntropy,
  dream_block_entropy: blockEntropy,
  llada_multi_block: multiBlockCase("llada", false),
  dream_multi_block: multiBlockCase("dream", false),
  llada_multi_block_kv: multiBlockCase("llada", true),
  dream_multi_block_kv: multiBlockCase("dream", true),
  llada_teacher_trajectory: teacherTrajectory("llada"),
  dream_teacher_trajectory: teacherTrajectory("dream"),
  llada_distill: distillation("llada"),
  dream_distill: distillation("dream"),
};
