// What a task file of lm-evaluation-harness may say, checked and with the harness's defaults
// (EleutherAI/lm-evaluation-harness 4e7e0d4, lm_eval/config/task.py). Settings that need Python, pictures or sound are
// refused by name; settings that say nothing about the task here (tags, decontamination) are read over.

import { z } from "zod";
import { ConfigError, UnsupportedError } from "../../base/errors.ts";
import { didYouMean } from "../../base/nearest.ts";
import { PythonFunction, type Settings } from "./harness-yaml.ts";

const text = z.string();
const texts = z.union([z.string().transform((one) => [one]), z.array(z.string())]);
/** `null` stands for "not set" in such files. */
const maybe = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value: z.output<T> | null | undefined) => value ?? undefined);
const target = z.union([z.string(), z.number().int(), z.array(z.union([z.string(), z.number()]))]);
const plainValue = z.union([z.string(), z.number(), z.boolean()]);
const choices = z.union([z.string(), z.array(plainValue), z.record(z.string(), plainValue)]);
const sampler = z.enum(["default", "first_n"]);

const filter = z.looseObject({ function: text });
export type FilterSettings = z.infer<typeof filter>;

const metric = z.looseObject({
  metric: text,
  aggregation: maybe(text),
  higher_is_better: maybe(z.boolean()),
});
export type MetricSettings = z.infer<typeof metric>;

const schema = z.strictObject({
  task: text,
  task_alias: z.unknown().optional(),
  tag: z.unknown().optional(),
  group: z.unknown().optional(),
  dataset_path: maybe(text),
  dataset_name: maybe(text),
  dataset_kwargs: maybe(z.record(z.string(), z.unknown())),
  training_split: maybe(text),
  validation_split: maybe(text),
  test_split: maybe(text),
  fewshot_split: maybe(text),
  output_type: z.string().default("generate_until"),
  doc_to_text: z.union([text, z.number().int()]),
  doc_to_target: maybe(target),
  doc_to_choice: maybe(choices),
  description: maybe(text),
  target_delimiter: z.string().default(" "),
  fewshot_delimiter: z.string().default("\n\n"),
  gen_prefix: maybe(text),
  num_fewshot: maybe(z.number().int().min(0)),
  fewshot_config: maybe(
    z.strictObject({
      sampler: sampler.default("default"),
      split: maybe(text),
      samples: maybe(z.array(z.record(z.string(), z.unknown()))),
      fewshot_indices: maybe(z.array(z.number().int().min(0))),
      doc_to_text: maybe(text),
      doc_to_choice: maybe(choices),
      doc_to_target: maybe(target),
      gen_prefix: maybe(text),
      fewshot_delimiter: maybe(text),
      target_delimiter: maybe(text),
    }),
  ),
  generation_kwargs: maybe(
    z.looseObject({
      until: maybe(texts),
      max_gen_toks: maybe(z.number().int().min(1)),
      max_new_tokens: maybe(z.number().int().min(1)),
      temperature: maybe(z.number().min(0)),
      do_sample: maybe(z.boolean()),
    }),
  ),
  repeats: z.number().int().min(1).default(1),
  filter_list: maybe(z.array(z.strictObject({ name: text, filter: z.array(filter) }))),
  metric_list: maybe(z.array(metric)),
  should_decontaminate: z.unknown().optional(),
  doc_to_decontamination_query: z.unknown().optional(),
  unsafe_code: z.unknown().optional(),
  metadata: z.unknown().optional(),
});

export type HarnessSettings = z.infer<typeof schema>;

/** Settings that say nothing here. */
const readOver = new Set([
  "should_decontaminate",
  "doc_to_decontamination_query",
  "metadata",
  "tag",
  "task_alias",
]);
const unserved: Readonly<Record<string, string>> = {
  process_docs: "the documents would have to be changed",
  process_results: "the results would have to be judged",
  doc_to_image: "pictures are not shown",
  doc_to_audio: "sound is not played",
  custom_dataset: "the data set would have to be made",
  use_prompt: "promptsource is a Python library; write the template into doc_to_text",
  class: "the task is a Python class",
};

export function harnessSettings(raw: Settings, file: string): HarnessSettings {
  if (Array.isArray(raw.task) || (raw.task === undefined && raw.group !== undefined)) {
    throw new ConfigError(`${file} is a group of tasks; give the file of one task`, { file });
  }
  for (const [name, value] of Object.entries(raw)) {
    if (value !== null && !readOver.has(name)) refuse(name, value, file);
  }
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  throw new ConfigError(`${file}: ${firstIssue(result.error)}`, { file });
}

const mend = "write the task as a TypeScript file, or the field as a Jinja template";

function refuse(name: string, value: unknown, file: string): void {
  const path = pathOfFunction(value, name);
  if (path !== undefined) {
    const why = unserved[name] === undefined ? "" : ` (${unserved[name]})`;
    throw new UnsupportedError(
      `${file}: ${path.path} is Python code, !function ${path.name}, which is not run here${why}; ${mend}`,
      { file, field: path.path },
    );
  }
  const reason = unserved[name];
  if (reason !== undefined)
    throw new UnsupportedError(`${file}: ${name} is not served: ${reason}`, { file, name });
}

/** Where in a value Python code is called for. */
function pathOfFunction(value: unknown, path: string): { path: string; name: string } | undefined {
  if (value instanceof PythonFunction) return { path, name: value.name };
  if (typeof value !== "object" || value === null) return undefined;
  for (const [name, one] of Object.entries(value)) {
    const found = pathOfFunction(one, `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstIssue({ issues: [issue] }: z.ZodError): string {
  const path = issue!.path.join(".");
  if (issue!.code === "unrecognized_keys") {
    const [key] = issue!.keys as [string];
    const known = Object.keys(schema.shape);
    return `${path === "" ? "" : `${path}.`}${key} is no setting of a task${didYouMean(key, known)}`;
  }
  const found = issue!.message.replace(/^Invalid input: /, "");
  return `${path}: ${found}`;
}
