// The configuration of `unmask rollout`: which model writes answers to which prompts, and which are kept.

import { z } from "zod";
import { dataConfigSchema } from "../data/config.ts";

const positive = z.number().int().positive();
const name = z.string().min(1);
const { path, config, split, revision, kind, messages_field, prompt_field, response_field, on_corrupt } =
  dataConfigSchema.shape;

export const verifiers = ["gsm8k", "math", "problems"] as const;
export type Verifier = (typeof verifiers)[number];

export const rolloutConfigSchema = z.strictObject({
  model: name.describe("the teacher: folder of a run or of a model, or a Hugging Face id"),
  adapter: name.optional().describe("folder of a LoRA adapter of the teacher"),
  data: z
    .strictObject({
      ...{ path, config, split, revision, kind, messages_field, prompt_field, response_field, on_corrupt },
      gold_field: name.optional().describe("field of the right answer; the response unless given"),
      prompt_format: z
        .enum(["auto", "chat", "raw"])
        .default("auto")
        .describe(
          "a prompt as a user's message by the model's template, or as it is; chat if there is a template",
        ),
      prompt_suffix: z.string().default("").describe("put behind every prompt that is a text"),
      limit: positive.optional().describe("prompts, from the first; all unless given"),
    })
    .describe("the prompts"),
  decoder: name
    .optional()
    .describe("the family's usual one unless given; one token a step keeps the full order"),
  decoder_options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  max_new_tokens: positive
    .optional()
    .describe("256 unless given, or as many as the model has room for behind the prompt"),
  stop: z.array(name).default([]).describe("texts that end an answer"),
  fidelity: z.enum(["corrected", "released"]).default("corrected"),
  samples: positive.default(1).describe("answers a prompt"),
  temperatures: z
    .array(z.number().nonnegative())
    .min(1)
    .optional()
    .describe(
      "one attempt each, until an answer is kept (d3LLM: 0, 0.1, 0.2, 0.3, 0.4); the decoder's own unless given",
    ),
  keep: z
    .strictObject({
      ended: z.boolean().default(false).describe("only answers that ended within max_new_tokens"),
      min_tokens: positive.default(1),
      max_tokens: positive.optional(),
      verified: z.enum(verifiers).optional().describe("only answers that this judge finds right"),
      unverified: z
        .enum(["drop", "keep_last"])
        .default("drop")
        .describe("what becomes of a prompt that no attempt answers right (d3LLM keeps the last)"),
      no_gold: z
        .enum(["reject", "keep"])
        .default("reject")
        .describe("answers where the judge has nothing to compare with (d3LLM keeps them)"),
    })
    .prefault({}),
  shard_size: positive.default(1000).describe("answers a file"),
  batch_size: positive.default(32),
  seed: z.number().int().nonnegative().default(0),
  device: z.string().default("cpu"),
  dtype: z.enum(["auto", "float32", "bfloat16", "int8"]).default("auto"),
  out: name.default("runs/rollout").describe("folder of the trajectories"),
});

export type RolloutConfig = z.infer<typeof rolloutConfigSchema>;
