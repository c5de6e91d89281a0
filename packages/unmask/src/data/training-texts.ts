// The texts of the training data as they are, for a tokenizer that is trained on them.

import type { DataConfig, RowKind } from "./config.ts";
import type { DataFile } from "./files.ts";
import { type DataSettings, findData, firstKind, shareOf } from "./find-data.ts";
import { splitRows, splitText } from "./held-out.ts";
import { type DataRecord, recordOf } from "./records.ts";
import { corruptRow, noRows, rowsOf } from "./rows.ts";
import { Tally } from "./tally.ts";

export interface TextsOptions extends DataSettings {
  /** Characters that are enough. Default 64 Mi. */
  readonly most?: number | undefined;
}

/** Held-out rows are not among them. A stream is read until there are enough. */
export async function trainingTexts(
  config: DataConfig,
  { most = 2 ** 26, ...options }: TextsOptions = {},
): Promise<readonly string[]> {
  const { files, own } = await findData(config, options);
  const kind = await firstKind(files, config, new Tally());
  const share = shareOf(config, own !== undefined);
  const texts: string[] = [];
  let characters = 0;
  let rows = 0;
  for await (const text of textsIn(files, kind, config)) {
    rows++;
    if (characters < most) texts.push(text);
    characters += text.length;
    // Where a share is held out, the number of rows must be known.
    if (characters >= most && share === 0) return texts;
  }
  const [first] = texts;
  if (first === undefined) throw noRows(files, new Tally());
  if (rows === 1) return share > 0 && kind === "text" ? [splitText(first, share)[0]] : texts;
  const kept = splitRows([...Array(rows).keys()], share).train.length;
  return texts.slice(0, kept);
}

async function* textsIn(
  files: readonly DataFile[],
  kind: RowKind,
  config: DataConfig,
): AsyncGenerator<string> {
  for (const file of files) {
    for await (const row of rowsOf(file, config)) {
      const record = "problem" in row ? row : recordOf(row.fields, kind, config);
      if (record === undefined) continue;
      if (!("problem" in record)) yield textOf(record);
      else if (config.on_corrupt === "fail") throw corruptRow(row.place, record.problem);
    }
  }
}

function textOf(record: DataRecord): string {
  if (record.kind === "text") return record.text;
  if (record.kind === "prompt") return `${record.prompt}\n${record.response}`;
  return record.messages.map(({ content }) => content ?? "").join("\n");
}
