// From a configuration to token rows: read the corpus, hold out its end, make or train a tokenizer, cut rows.

import { createHash } from "node:crypto";
import { ConfigError } from "../base/errors.ts";
import { exampleOrder } from "../data/order.ts";
import { byteTokenizer, trainBpeTokenizer, trainWordTokenizer } from "../text/new-tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { TrainConfig } from "./config.ts";
import { chunk, readCorpus, splitHeldOut } from "./corpus.ts";
import type { Answer } from "./masked-batch.ts";
import type { ExampleSource } from "./method.ts";

export interface Rows {
  /** Token ids [count · length]. */
  ids: Int32Array;
  count: number;
  length: number;
  /** The first token of every row is given. */
  given: boolean;
}

export interface TrainingData {
  tokenizer: Tokenizer;
  maskId: number;
  train: Rows;
  heldOut: Rows;
  /** Rows begin with a given token (the end token), so that a document's beginning is known. */
  ignoreBos: boolean;
  /** Held-out tokens that stand for one byte of text, to convert nats a token into nats a byte. */
  tokensPerByte: number;
  warnings: readonly string[];
}

/** Reads and tokenises the data of a run. `tokenizer` is given when resuming; else it is made from the data. */
export async function loadTrainingData(config: TrainConfig, known?: Tokenizer): Promise<TrainingData> {
  const { data, model } = config;
  const corpus = await readCorpus(data.path, {
    ...(data.kind === "auto" ? {} : { kind: data.kind }),
    field: data.field,
    onCorrupt: data.on_corrupt,
  });
  const split = splitHeldOut(corpus.documents, data.held_out);
  const tokenizer = known ?? makeTokenizer(config, split.train);
  const { mask, eos } = tokenizer.specials;
  if (mask === undefined || eos === undefined) {
    throw new ConfigError("the tokenizer has no mask or no end token; train a new one");
  }
  const ignoreBos = data.layout === "pad";
  const encode = (text: string) => {
    const ids = tokenizer.encode(text);
    if (!ignoreBos) return ids;
    const begun = new Int32Array(ids.length + 1).fill(eos);
    begun.set(ids, 1);
    return begun;
  };
  const cut = (documents: readonly string[]) =>
    chunk(documents.map(encode), { length: model.length, eos, mode: data.layout, remainder: "pad" });
  const train = cut(split.train);
  const held =
    split.heldOut.length > 0 ? cut(split.heldOut) : { rows: new Int32Array(0), count: 0, warnings: [] };
  const heldBytes = split.heldOut.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0);
  return {
    tokenizer,
    maskId: mask,
    train: { ids: train.rows, count: train.count, length: model.length, given: ignoreBos },
    heldOut: { ids: held.rows, count: held.count, length: model.length, given: ignoreBos },
    tokensPerByte: heldBytes > 0 ? (held.count * (model.length - (ignoreBos ? 1 : 0))) / heldBytes : 0,
    ignoreBos,
    warnings: [...corpus.warnings, ...train.warnings],
  };
}

function makeTokenizer({ tokenizer }: TrainConfig, texts: readonly string[]): Tokenizer {
  if (tokenizer.kind === "bytes") return byteTokenizer();
  if (tokenizer.kind === "words") return trainWordTokenizer(texts);
  return trainBpeTokenizer(texts, { size: tokenizer.size });
}

/** Rows in memory as examples: in a new order every epoch, which the number alone decides. */
export function rowSource(rows: Rows, seed: number): ExampleSource<Answer> {
  const order = exampleOrder(rows.count, seed);
  return {
    fingerprint: createHash("sha256").update(rows.ids).digest("hex"),
    count: rows.count,
    at: async (numbers) => numbers.map((example) => rowAt(rows, order(example))),
  };
}

export const rowAt = ({ ids, length, given }: Rows, row: number): Answer => ({
  ids: ids.subarray(row * length, (row + 1) * length),
  promptLength: given ? 1 : 0,
});

export { exampleOrder };
