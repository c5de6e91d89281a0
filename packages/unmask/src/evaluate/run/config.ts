// The configuration of `unmask eval` and `unmask sweep`: one YAML file, every key checked, unknown keys refused.

import { z } from "zod";
import type { OptionSpec, OptionValue } from "../../decode/decoder.ts";
import { decoders } from "../../decode/decoders.ts";

const count = z.number().int().positive();
const text = z.string().min(1);

const taskSchema = z.strictObject({
  name: text.describe("a task of the table, or a task file"),
  as: text.optional().describe("its name in the results, where one task is asked twice"),
  data: text.optional().describe("the documents: JSONL, JSON or Parquet in the public schema"),
  fewshot_data: text.optional().describe("rows that the shots are drawn from"),
  num_fewshot: z.number().int().nonnegative().optional(),
  fewshot_seed: z.number().int().nonnegative().optional(),
  limit: count.optional().describe("only the first documents"),
  max_new_tokens: count.optional().describe("longest answer; the task's own by default"),
  apply_chat_template: z.boolean().optional(),
});

type Field = z.ZodType<OptionValue>;

/** What a value may be by itself; the chosen decoder checks its range. */
const fields: Readonly<Record<OptionSpec["kind"], Field>> = {
  flag: z.boolean(),
  choice: z.string(),
  integer: z.number(),
  number: z.number(),
};

/** Every option of every decoder, aliases too. */
function decoderFields(): Record<string, Field> {
  const found = new Map<string, { readonly doc: string; readonly kinds: Set<Field> }>();
  for (const [name, spec] of decoders.flatMap(({ options }) => Object.entries(options))) {
    for (const one of [name, ...(spec.aliases ?? [])]) {
      const known = found.get(one) ?? { doc: spec.doc, kinds: new Set() };
      found.set(one, { ...known, kinds: known.kinds.add(fields[spec.kind]) });
    }
  }
  return Object.fromEntries(
    [...found].map(([name, { doc, kinds }]) => {
      const [first, ...others] = [...kinds] as [Field, ...Field[]];
      const either = others.length === 0 ? first : z.union([first, ...others]);
      return [name, either.optional().describe(doc)];
    }),
  );
}

/** How tokens are chosen. */
const decoderShape = {
  decoder: text.optional().describe("how tokens are chosen; the family's usual way by default"),
  decoder_options: z.strictObject(decoderFields()).prefault({}),
};

const shape = {
  model: text.describe("folder of a run or of a model, or a Hugging Face id"),
  revision: text.optional().describe("branch, tag or commit of a Hugging Face model"),
  adapter: text.optional().describe("folder of a LoRA adapter for the model"),
  tasks: z
    .array(z.union([text, taskSchema]))
    .min(1)
    .describe("names, or groups of keys"),
  ...decoderShape,
  limit: count.optional().describe("only the first documents of every task"),
  num_fewshot: z.number().int().nonnegative().optional(),
  max_new_tokens: count.optional().describe("longest answer; each task's own by default"),
  max_prompt_tokens: count.optional().describe("longer prompts lose their beginning"),
  apply_chat_template: z.boolean().optional().describe("whether to; as the task means it by default"),
  fewshot_as_multiturn: z.boolean().default(true).describe("as chat, every shot is a turn of its own"),
  system_instruction: text.optional(),
  fidelity: z
    .enum(["corrected", "released"])
    .default("corrected")
    .describe("released: decoding and rules as published, with their defects"),
  judge: text.optional().describe("folder of a GPT-2 model, for generative perplexity of the answers"),
  likelihood_draws: count
    .default(128)
    .describe("masks drawn to estimate a likelihood, for tasks that choose by it"),
  batch_size: count.default(8).describe("answers a forward"),
  processes: count.default(1).describe("each with a copy of the model; changes speed only"),
  threads: z
    .union([z.literal("auto"), count])
    .default("auto")
    .describe("processor threads of each process"),
  seed: z.number().int().nonnegative().default(0),
  device: z.string().default("cpu"),
  dtype: z.enum(["auto", "float32", "bfloat16", "int8"]).default("auto").describe("of the weights"),
  grade_seconds: z
    .number()
    .positive()
    .default(120)
    .describe("a grader that takes longer is cut, and its answer is wrong"),
  unsafe: z.boolean().default(false).describe("run generated code even where nothing isolates it"),
  out: text.default("runs/eval").describe("folder of the results"),
};

export const evalConfigSchema = z.strictObject(shape);

export type EvalConfig = z.infer<typeof evalConfigSchema>;

const curveSchema = z
  .strictObject({
    method: text.optional().describe("name of the curve; the decoder's by default"),
    decoder: text.optional().describe("instead of the configuration's own"),
    decoder_options: decoderShape.decoder_options
      .optional()
      .describe("above the configuration's own, or instead of them where another decoder is named"),
    option: text.describe("which option of the decoder changes from point to point"),
    values: z
      .array(z.union([z.number(), z.boolean(), text]))
      .min(1)
      .optional()
      .describe("one point each"),
    from: z.number().optional().describe("or evenly spaced points: the first"),
    to: z.number().optional().describe("the last"),
    count: count.min(2).optional().describe("how many"),
  })
  .refine(({ values, from, to, count }) => (values === undefined) === [from, to, count].every(isNumber), {
    error: "give values, or from, to and count",
  });

const isNumber = (value: unknown): boolean => typeof value === "number";

export const sweepConfigSchema = z.strictObject({
  ...shape,
  sweep: z.array(curveSchema).min(1).describe("the curves: a decoder and the option that changes"),
  out: text.default("runs/sweep").describe("folder of the results"),
});

export type SweepConfig = z.infer<typeof sweepConfigSchema>;
export type CurveConfig = z.infer<typeof curveSchema>;
export type TaskConfig = z.infer<typeof taskSchema>;

/** Tasks as groups of keys, with what the configuration says of all of them. */
export function taskConfigs({ tasks, ...all }: EvalConfig): TaskConfig[] {
  return tasks.map((one) => {
    const own: TaskConfig = typeof one === "string" ? { name: one } : one;
    return {
      ...own,
      limit: own.limit ?? all.limit,
      num_fewshot: own.num_fewshot ?? all.num_fewshot,
      max_new_tokens: own.max_new_tokens ?? all.max_new_tokens,
      apply_chat_template: own.apply_chat_template ?? all.apply_chat_template,
    };
  });
}
