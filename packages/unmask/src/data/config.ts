// The `data:` section of a configuration.

import { z } from "zod";

const positive = z.number().int().positive();
const name = z.string().min(1);
const places = z.union([name, z.array(name).min(1)]);

export const rowKinds = ["text", "messages", "prompt"] as const;
export type RowKind = (typeof rowKinds)[number];

/**
 * Which of a chat's assistant turns are learnt.
 *
 *   last  the last one; all before it is the prompt
 *   each  every turn, as an example of its own with what stands before it
 *   all   every turn, in one example: a network that sees both ways reads later questions while it learns earlier answers
 */
export const turnChoices = ["last", "each", "all"] as const;

/**
 * What becomes of an example of more tokens than a row has.
 *
 *   cut_end    its last tokens are cut off
 *   cut_start  its prompt's first tokens are cut off; if the answer alone is too long, its last ones too
 *   skip       it is left out
 *   fail       the run stops
 */
export const tooLongChoices = ["cut_end", "cut_start", "skip", "fail"] as const;
export type TooLong = (typeof tooLongChoices)[number];

export const dataConfigSchema = z.strictObject({
  path: places.describe(
    "file, folder, pattern (data/*.jsonl), or dataset of the hub (owner/name); or a list of them",
  ),
  config: name.optional().describe("configuration (subset) of a hub's dataset; the default one unless given"),
  split: name.default("train").describe("split of a hub's dataset"),
  revision: name.optional().describe("branch, tag or commit of a hub's dataset"),
  kind: z
    .enum(["auto", "text", "jsonl", "parquet"])
    .default("auto")
    .describe("how to read files; by their ending unless given"),
  text_unit: z
    .enum(["document", "paragraph", "line"])
    .default("document")
    .describe("what of a text file is one row"),
  rows: z
    .enum(["auto", ...rowKinds])
    .default("auto")
    .describe("what a row holds; by the fields of the first unless given"),
  field: name.default("text").describe("field of the text"),
  messages_field: name.default("messages").describe("field of a chat's messages, { role, content }"),
  prompt_field: name.default("prompt"),
  response_field: name.default("response"),
  turns: z
    .enum(turnChoices)
    .default("last")
    .describe(
      "assistant turns of a chat that are learnt: the last, each as an example of its own, or all in one",
    ),
  prompt_format: z
    .enum(["auto", "chat", "raw"])
    .default("auto")
    .describe(
      "prompt and response as a chat by the model's template, or one behind the other; chat if there is a template",
    ),
  layout: z
    .enum(["wrap", "pad"])
    .default("wrap")
    .describe("texts. wrap: documents joined and cut to length; pad: one document a row"),
  fidelity: z
    .enum(["corrected", "released"])
    .default("corrected")
    .describe(
      "wrap as it should be, or as MDLM's code does (each row framed by BOS and EOS, remainders dropped)",
    ),
  document_end: z.boolean().default(true).describe("wrap: the end token behind every document"),
  too_long: z
    .enum(tooLongChoices)
    .default("cut_end")
    .describe("an example longer than a row: cut at its end, cut at its prompt's start, skip it, or fail"),
  on_corrupt: z.enum(["fail", "skip"]).default("fail").describe("what to do with a corrupt row"),
  held_out: z
    .number()
    .min(0)
    .max(0.5)
    .optional()
    .describe("share held out, taken from the end; 0.1, or 0 for a stream and where held-out data are named"),
  held_out_path: places.optional().describe("held-out data of their own, as path"),
  held_out_split: name.optional().describe("held-out split of a hub's dataset"),
  stream: z.boolean().default(false).describe("read while training, for data larger than memory"),
  shuffle_buffer: positive.default(10_000).describe("examples of a stream that are mixed with each other"),
  interleave: positive.default(4).describe("files of a stream that are read in turn"),
});

export type DataConfig = z.infer<typeof dataConfigSchema>;
