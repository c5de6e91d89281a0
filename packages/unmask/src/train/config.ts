// The configuration of `unmask train`: one YAML file a run, every key checked, unknown keys refused.

import { z } from "zod";
import { alignments } from "../diffusion/doubled.ts";
import { normalisations, paddingPolicies } from "./masked-batch.ts";
import { maskedKinds } from "./masked-method.ts";

const positive = z.number().int().positive();

export const trainConfigSchema = z.strictObject({
  data: z
    .strictObject({
      path: z.string().min(1).describe("UTF-8 text, or JSONL with a text field"),
      kind: z.enum(["auto", "text", "jsonl"]).default("auto").describe("how to read the file"),
      field: z.string().default("text").describe("JSONL field that holds the text"),
      held_out: z.number().min(0).max(0.5).default(0.1).describe("share held out, taken from the end"),
      on_corrupt: z.enum(["fail", "skip"]).default("fail").describe("what to do with a corrupt row"),
      layout: z
        .enum(["wrap", "pad"])
        .default("wrap")
        .describe("wrap: documents joined and cut to length; pad: one document a row"),
    })
    .describe("what to train on"),
  tokenizer: z
    .strictObject({
      kind: z.enum(["bytes", "words", "bpe"]).default("bytes").describe("trained on the data, or bytes"),
      size: positive.default(2048).describe("vocabulary of bpe"),
    })
    .prefault({}),
  model: z
    .strictObject({
      hidden_size: positive.default(128).describe("width"),
      blocks: positive.default(4),
      heads: positive.default(4),
      condition_size: positive.default(32),
      length: positive.default(64).describe("tokens a row"),
    })
    .refine(({ hidden_size, heads }) => hidden_size % (2 * heads) === 0, {
      path: ["heads"],
      error: "hidden_size must be a multiple of 2 · heads (each head turns pairs of numbers)",
    })
    .prefault({}),
  adapter: z
    .strictObject({
      rank: positive.default(16),
      alpha: z.number().positive().optional().describe("scale = alpha / rank; the rank unless given"),
      targets: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe("names of layers; all seven projections unless given"),
      rslora: z.boolean().default(false).describe("scale = alpha / sqrt(rank)"),
    })
    .optional()
    .describe("LoRA beside the weights of model.path, which stay as they are"),
  objective: z
    .strictObject({
      kind: z
        .enum(["auto", ...maskedKinds])
        .default("auto")
        .describe(
          "rows: the NELBO of MDLM; answers: fine-tuning; blocks: block diffusion; by model and data",
        ),
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
      noise: z
        .enum(["absorbing", "uniform"])
        .default("absorbing")
        .describe("masks, or any token in the place of another"),
    })
    .prefault({}),
  train: z
    .strictObject({
      steps: positive.optional().describe("5000 if neither steps nor minutes is given"),
      minutes: z.number().positive().optional().describe("finish the schedule and stop after this long"),
      batch_size: positive.default(64).describe("examples of an update, over all workers"),
      micro_batch_size: positive.optional().describe("most examples in one forward; the rest is accumulated"),
      learning_rate: z.number().positive().default(3e-3),
      schedule: z.enum(["constant", "linear", "cosine"]).default("cosine"),
      warmup: z.number().int().nonnegative().default(100).describe("steps"),
      floor: z.number().min(0).max(1).default(0.01).describe("smallest learning rate, as a share"),
      weight_decay: z.number().nonnegative().default(0),
      beta1: z.number().min(0).max(1).default(0.9),
      beta2: z.number().min(0).max(1).default(0.99),
      clip: z.number().positive().default(1).describe("global norm of gradients"),
      ema: z
        .number()
        .min(0)
        .max(1)
        .default(0.999)
        .describe("decay of the averaged weights; 0 for no average"),
      evaluate_every: z.number().int().nonnegative().default(500).describe("steps; 0 only at the end"),
      save_every: z.number().int().nonnegative().default(500).describe("steps; 0 only at the end"),
      ratios_every: z
        .number()
        .int()
        .nonnegative()
        .default(100)
        .describe("steps between reports of the loss by masked share; 0 for none"),
      keep: positive.default(2).describe("checkpoints kept"),
    })
    .prefault({}),
  seed: z.number().int().nonnegative().default(0),
  device: z.string().default("cpu"),
  dtype: z.enum(["auto", "float32", "bfloat16"]).default("auto").describe("of matrix products"),
  threads: z
    .union([z.literal("auto"), positive])
    .default("auto")
    .describe("processor threads an operator uses"),
  out: z.string().min(1).default("runs/train").describe("folder of the run"),
});

export type TrainConfig = z.infer<typeof trainConfigSchema>;
