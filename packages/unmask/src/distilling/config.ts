// The configuration of `unmask distill`: a method with its options, the model that is its own teacher, what it learns from,
// and how it is updated. The keys of `distill:` and the usual settings depend on the method.

import { z } from "zod";
import { dataConfigSchema } from "../data/config.ts";
import { type DistillerName, distillers } from "../distill/distillers.ts";
import { verifiers } from "../rollout/config.ts";
import { adapterSchema, runKeys, updateKeys } from "../train/config.ts";
import { methodKeys } from "./options.ts";

const positive = z.number().int().positive();
const name = z.string().min(1);

const trajectoriesSchema = z
  .strictObject({
    path: z
      .union([name, z.array(name).min(1)])
      .describe("folder of unmask rollout, or Parquet files; or a list of them"),
    max_prompt_length: positive.optional().describe("longer prompts are left out"),
    max_answer_length: positive.optional().describe("longer answers are cut"),
    limit: positive.optional().describe("trajectories, from the first; all unless given"),
  })
  .describe("what the model wrote, for methods that learn from trajectories");

/** Of d3LLM and dParallel, whose records may be of one text and what is learnt of another. */
const targetedSchema = trajectoriesSchema.extend({
  targets: dataConfigSchema
    .optional()
    .describe(
      "prompts with answers that are learnt in the place of the recorded ones, found by the prompts' tokens",
    ),
});

const targeted: ReadonlySet<DistillerName> = new Set(["d3llm", "dparallel"]);

const evaluateSchema = z
  .strictObject({
    data: name.describe("prompts that are not learnt from: JSONL or Parquet, as for unmask rollout"),
    prompt_field: name.default("prompt"),
    messages_field: name.default("messages"),
    gold_field: name.optional(),
    verified: z.enum(verifiers).describe("who judges the answers"),
    count: positive.default(200).describe("prompts, from the first"),
    decoder: name.optional(),
    decoder_options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
    max_new_tokens: positive.default(128),
    batch_size: positive.default(64),
  })
  .optional()
  .describe("accuracy and tokens a forward during training; without it the loss alone is watched");

/** The schema for one method. */
export function distillConfigSchema(method: DistillerName) {
  return z.strictObject({
    distill: z
      .strictObject({ method: z.literal(method), ...methodKeys[method] } as Record<string, z.ZodType>)
      .describe(distillers[method].doc),
    model: z
      .strictObject({
        path: name.describe("student and teacher in the beginning: a folder, or a Hugging Face id"),
        revision: name.optional(),
      })
      .describe("the model"),
    ...(distillers[method].data === "trajectories"
      ? { trajectories: targeted.has(method) ? targetedSchema : trajectoriesSchema }
      : { data: dataConfigSchema.describe("texts, or prompts and answers"), length: positive.optional() }),
    adapter: adapterSchema,
    train: z.strictObject(updateKeys).prefault({}),
    evaluate: evaluateSchema,
    ...runKeys,
    out: name.default(`runs/${method}`).describe("folder of the run"),
  });
}

type Common = z.infer<ReturnType<typeof distillConfigSchema>>;

/** A resolved configuration, whatever the method. */
export type DistillConfig = Omit<Common, "distill" | "trajectories" | "data" | "length"> & {
  readonly distill: Readonly<Record<string, unknown>> & { readonly method: DistillerName };
  readonly trajectories?: z.infer<typeof targetedSchema> | undefined;
  readonly data?: z.infer<typeof dataConfigSchema> | undefined;
  readonly length?: number | undefined;
};

/** What was published, or is usual, for a method, below the file's and the command line's values. */
export const usual: Readonly<Record<DistillerName, Readonly<Record<string, unknown>>>> = {
  t3d: { train: { learning_rate: 1e-5, warmup: 20, floor: 0, beta2: 0.999, weight_decay: 0.01 } },
  trajectory: { train: { learning_rate: 1e-5, warmup: 20, floor: 0, beta2: 0.999, weight_decay: 0.01 } },
  sft: { train: { learning_rate: 1e-5, warmup: 20, floor: 0, beta2: 0.999, weight_decay: 0.01 } },
  d3llm: {
    train: { learning_rate: 2e-5, warmup: 0, beta2: 0.999, weight_decay: 0.01, schedule: "constant" },
  },
  dparallel: {
    train: { learning_rate: 2e-5, warmup: 0, beta2: 0.999, weight_decay: 0.01, schedule: "constant" },
  },
  didi: {
    train: { learning_rate: 1e-6, warmup: 1000, beta2: 0.999, schedule: "linear", clip: 0.5, ema: 0.999 },
  },
  sdtt: { train: { learning_rate: 3e-4, warmup: 500, beta2: 0.999, schedule: "constant", ema: 0.9999 } },
  duo: { train: { learning_rate: 6e-5, warmup: 500, beta2: 0.999, schedule: "constant", ema: 0.999 } },
};
