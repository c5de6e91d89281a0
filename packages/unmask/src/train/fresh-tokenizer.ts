// A tokenizer for a fresh model, made from its training data.

import { ConfigError } from "../base/errors.ts";
import type { DataConfig, RowKind } from "../data/config.ts";
import { findFiles } from "../data/files.ts";
import { kindOfRow, recordOf } from "../data/records.ts";
import { rowsOf } from "../data/rows.ts";
import { byteTokenizer, trainBpeTokenizer, trainWordTokenizer } from "../text/new-tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { TrainConfig } from "./config.ts";

/** Text that a tokenizer is trained on, at most. */
const mostCharacters = 2 ** 27;
const usualShare = 0.1;

export async function makeTokenizer({ tokenizer, data }: TrainConfig): Promise<Tokenizer> {
  if (tokenizer.kind === "bytes") return byteTokenizer();
  const texts = await trainingTexts(data);
  return tokenizer.kind === "words"
    ? trainWordTokenizer(texts)
    : trainBpeTokenizer(texts, { size: tokenizer.size });
}

/** All texts but the share that is held out from the end, and none that the data reader will refuse or skip. */
async function trainingTexts(config: DataConfig): Promise<string[]> {
  const texts: string[] = [];
  let characters = 0;
  let kind: RowKind | undefined;
  reading: for (const file of await findFiles(config.path, config, { split: config.split })) {
    for await (const row of rowsOf(file, config)) {
      if ("problem" in row) continue;
      kind ??= kindOfRow(row.fields, config, row.place);
      const text = textOf(recordOf(row.fields, kind, config));
      if (text === undefined) continue;
      texts.push(text);
      characters += text.length;
      if (characters > mostCharacters) break reading;
    }
  }
  if (texts.length === 0) {
    throw new ConfigError(`${[config.path].flat().join(", ")}: no text to make a tokenizer from`);
  }
  const hasOwn = config.held_out_path !== undefined || config.held_out_split !== undefined || config.stream;
  const share = config.held_out ?? (hasOwn ? 0 : usualShare);
  if (texts.length > 1) return texts.slice(0, Math.max(1, Math.floor(texts.length * (1 - share))));
  return [texts[0]!.slice(0, Math.ceil(texts[0]!.length * (1 - share)))];
}

function textOf(record: ReturnType<typeof recordOf>): string | undefined {
  if (record === undefined || "problem" in record) return undefined;
  if (record.kind === "text") return record.text;
  if (record.kind === "prompt") return `${record.prompt}${record.response}`;
  return record.messages.map(({ content }) => content ?? "").join("\n");
}
