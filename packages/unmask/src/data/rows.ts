// Rows of any data file, and what is made of them.

import { DataError, UsageError } from "../base/errors.ts";
import type { ChatTemplate } from "../text/chat-template.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { answersOf, endToken } from "./answers.ts";
import type { DataConfig, RowKind } from "./config.ts";
import type { Answer } from "./example.ts";
import type { DataFile } from "./files.ts";
import { fitted } from "./fit.ts";
import { jsonRows } from "./json-rows.ts";
import { parquetRows } from "./parquet-rows.ts";
import { recordOf, wantedFields } from "./records.ts";
import type { Cursor, Row } from "./row.ts";
import type { Tally } from "./tally.ts";
import { textRows } from "./text-rows.ts";

export interface ReadOptions {
  readonly from?: Cursor | undefined;
  /** Fields besides those that the configuration names. */
  readonly fields?: readonly string[] | undefined;
}

export async function* rowsOf(
  file: DataFile,
  config: DataConfig,
  { from, fields = [] }: ReadOptions = {},
): AsyncGenerator<Row> {
  const path = await file.path();
  const options = { name: file.name, from };
  if (file.kind === "parquet")
    yield* parquetRows(path, { ...options, columns: [...wantedFields(config), ...fields] });
  else if (file.kind === "jsonl") yield* jsonRows(path, options);
  else yield* textRows(path, { ...options, unit: config.text_unit, field: config.field });
}

/** What a row gives: documents to be joined, or examples. */
export interface Made {
  readonly text?: string;
  readonly ids?: Int32Array;
  readonly answers: readonly Answer[];
}

export interface MakeContext {
  readonly kind: RowKind;
  readonly config: DataConfig;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate | undefined;
  readonly length: number;
  readonly tally: Tally;
}

export const isWrapped = ({ kind, config }: Pick<MakeContext, "kind" | "config">): boolean =>
  kind === "text" && config.layout === "wrap";

/** Undefined for a row that is left out, which is counted. Throws a DataError for a corrupt one if it may not be. */
export function make(row: Row, context: MakeContext): Made | undefined {
  const { kind, config, tally } = context;
  if ("problem" in row) return corrupt(row.place, row.problem, context);
  const record = recordOf(row.fields, kind, config);
  if (record === undefined) {
    tally.add(nothing[kind], row.place);
    return undefined;
  }
  if ("problem" in record) return corrupt(row.place, record.problem, context);
  if (record.kind === "text" && isWrapped(context)) {
    return { text: record.text, ids: context.tokenizer.encode(record.text), answers: [] };
  }
  let answers: readonly Answer[];
  try {
    answers = answersOf(record, context);
  } catch (error) {
    // The template's word on these messages.
    if (error instanceof UsageError) return corrupt(row.place, error.message, context);
    throw error;
  }
  const options = { length: context.length, tooLong: config.too_long, tally };
  const fitting = answers.flatMap((answer) => fitted(answer, row.place, options) ?? []);
  if (fitting.length === 0) return undefined;
  if (record.kind !== "text") return { answers: fitting };
  return { text: record.text, answers: fitting.map((answer) => filledUp(answer, context)) };
}

/** Texts are rows of one length. */
function filledUp({ ids, promptLength }: Answer, { tokenizer, length }: MakeContext): Answer {
  const row = new Int32Array(length).fill(endToken(tokenizer));
  row.set(ids);
  return { ids: row, promptLength };
}

const nothing: Readonly<Record<RowKind, string>> = {
  text: "rows without text left out",
  prompt: "rows without a response left out",
  messages: "chats without an answer of the assistant left out",
};

function corrupt(place: string, problem: string, { config, tally }: MakeContext): undefined {
  if (config.on_corrupt === "fail") throw corruptRow(place, problem);
  tally.add("corrupt rows left out", `${place}: ${problem}`);
  return undefined;
}

export function corruptRow(place: string, problem: string): DataError {
  const message = `${place}: ${problem}; or leave such rows out with data.on_corrupt=skip`;
  return new DataError(message, { place, problem });
}

export function noRows(files: readonly DataFile[], tally: Tally): DataError {
  const names = files.length === 1 ? files[0]!.name : `${files[0]!.name} and ${files.length - 1} more`;
  const why = tally.lines.length > 0 ? tally.lines.join("; ") : "no rows at all";
  const { advice = "give a file with rows in it" } = tally;
  return new DataError(`${names}: nothing to learn from (${why}); ${advice}`, {
    files: files.map(({ name }) => name),
  });
}
