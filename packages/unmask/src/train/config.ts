// The configuration of `unmask train`: one YAML file a run, every key checked, unknown keys refused.

import { z } from "zod";
import { dataConfigSchema } from "../data/config.ts";
import { alignments } from "../diffusion/doubled.ts";
import { freshFamilies } from "../models/fresh.ts";
import { normalisations, paddingPolicies } from "./masked-batch.ts";
import { maskedKinds } from "./masked-method.ts";

const positive = z.number().int().positive();
const count = z.number().int().nonnegative();
const name = z.string().min(1);

export const adapterSchema = z
  .strictObject({
    rank: positive.default(16),
    alpha: z.number().positive().optional().describe("scale = alpha / rank; the rank unless given"),
    targets: z.array(name).min(1).optional().describe("names of layers; all seven projections unless given"),
    rslora: z.boolean().default(false).describe("scale = alpha / sqrt(rank)"),
  })
  .optional()
  .describe("LoRA beside the weights of model.path, which stay as they are");

/** How networks are updated, for every method alike. */
export const updateKeys = {
  steps: positive.optional().describe("5000 if neither steps nor minutes is given"),
  minutes: z.number().positive().optional().describe("finish the schedule and stop after this long"),
  batch_size: positive.default(64).describe("examples of an update, over all processes"),
  micro_batch_size: positive
    .optional()
    .describe("most examples in one forward; the rest of a batch is accumulated"),
  recompute: z
    .boolean()
    .default(false)
    .describe("keep only the inputs of layers and compute them again: less memory, a third more time"),
  learning_rate: z
    .number()
    .positive()
    .optional()
    .describe("3e-3 for a fresh model, 1e-5 for all weights of model.path, 1e-4 for an adapter"),
  schedule: z.enum(["constant", "linear", "cosine"]).default("cosine"),
  warmup: count.default(100).describe("steps"),
  floor: z.number().min(0).max(1).default(0.01).describe("smallest learning rate, as a share"),
  weight_decay: z.number().nonnegative().default(0).describe("of matrices; norms and biases are not decayed"),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.99),
  clip: z.number().positive().default(1).describe("global norm of gradients"),
  ema: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("decay of the averaged weights, 0 for none; 0.999 for a fresh model, else none"),
  evaluate_every: count.default(500).describe("steps; 0 only at the end"),
  save_every: count.default(500).describe("steps; 0 only at the end"),
  ratios_every: count.default(100).describe("steps between reports of the loss by masked share; 0 for none"),
  keep: positive.default(2).describe("checkpoints kept"),
} as const;

/** Where and how it runs. */
export const runKeys = {
  seed: count.default(0),
  device: z.string().default("cpu"),
  dtype: z.enum(["auto", "float32", "bfloat16"]).default("auto").describe("of matrix products"),
  weights: z
    .enum(["auto", "float32", "bfloat16"])
    .default("auto")
    .describe(
      "of the weights in memory; below float32 the optimiser keeps float32 masters; auto: float32, beside an adapter as stored",
    ),
  threads: z
    .union([z.literal("auto"), positive])
    .default("auto")
    .describe("processor threads an operator uses"),
} as const;

const usualModel = { family: "mdlm", hidden_size: 128, blocks: 4, heads: 4 } as const;

const modelSchema = z.strictObject({
  path: name
    .optional()
    .describe("model to go on from: a folder, or a Hugging Face id; a fresh one unless given"),
  revision: name.optional().describe("branch, tag or commit of a Hugging Face id"),
  family: z
    .enum(freshFamilies as [string, ...string[]])
    .optional()
    .describe(`of a fresh model; ${usualModel.family} unless given`),
  hidden_size: positive.optional().describe(`width of a fresh model; ${usualModel.hidden_size} unless given`),
  blocks: positive.optional().describe(`layers of a fresh model; ${usualModel.blocks} unless given`),
  heads: positive.optional().describe(`${usualModel.heads} unless given`),
  key_heads: positive
    .optional()
    .describe("dream, sdar, llada: heads of keys and values; as many unless given"),
  inner_size: positive.optional().describe("llada, dream, sdar: width inside the MLP"),
  condition_size: positive.optional().describe("mdlm: width of the conditioning"),
  block_length: positive.optional().describe("sdar: positions of a block"),
  tied: z.boolean().optional().describe("the head is the embedding"),
  length: positive.optional().describe("tokens a row; 64 for a fresh model, else at most 1024"),
});

export const trainConfigSchema = z.strictObject({
  data: dataConfigSchema.describe("what to train on"),
  tokenizer: z
    .strictObject({
      kind: z.enum(["bytes", "words", "bpe"]).default("bytes").describe("trained on the data, or bytes"),
      size: positive.default(2048).describe("vocabulary of bpe"),
    })
    .prefault({})
    .describe("of a fresh model"),
  model: modelSchema.prefault({}),
  adapter: adapterSchema,
  objective: z
    .strictObject({
      kind: z
        .enum(["auto", ...maskedKinds])
        .default("auto")
        .describe(
          "rows: the NELBO of MDLM; answers: fine-tuning; blocks: block diffusion; by model and data",
        ),
      noise: z
        .enum(["absorbing", "uniform"])
        .default("absorbing")
        .describe("masks, or any token in the place of another"),
      padding: z
        .enum(paddingPolicies)
        .default("all")
        .describe("end tokens behind an answer that are learnt: all (LLaDA, Dream), the first, or none"),
      normalisation: z
        .enum(normalisations)
        .default("answer")
        .describe("losses are averaged over each answer, or over the tokens of the batch"),
      smallest_time: z
        .number()
        .positive()
        .max(1)
        .default(1e-3)
        .describe("answers, blocks: times are drawn from here to 1"),
      shift: z.boolean().optional().describe("checked against the family, which decides (Dream: true)"),
      alignment: z
        .enum(alignments)
        .default("corrected")
        .describe("blocks: counted from the text's first token as in decoding, or as T3D's code has it"),
      block_times: z
        .enum(["block", "answer"])
        .default("block")
        .describe("blocks: a time for each, or one for all"),
    })
    .prefault({}),
  train: z.strictObject(updateKeys).prefault({}),
  ...runKeys,
  out: name.default("runs/train").describe("folder of the run"),
});

export type TrainConfig = z.infer<typeof trainConfigSchema>;
export type UpdateConfig = TrainConfig["train"];

export interface ModelSizes {
  readonly family: string;
  readonly hiddenSize: number;
  readonly blocks: number;
  readonly heads: number;
}

/** The sizes of a fresh model, defaults filled in. */
export function freshSizes({ model }: Pick<TrainConfig, "model">): ModelSizes {
  const { family, hidden_size: hiddenSize, blocks, heads } = { ...usualModel, ...defined(model) };
  return { family, hiddenSize, blocks, heads };
}

const defined = (model: TrainConfig["model"]): Partial<TrainConfig["model"]> & typeof usualModel =>
  Object.fromEntries(Object.entries(model).filter(([, value]) => value !== undefined)) as never;
