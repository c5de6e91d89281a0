// Data in memory: every row read and tokenised once, a share of the rows held out from the end, the rest in a new order
// every epoch.

import { createHash } from "node:crypto";
import { totalmem } from "node:os";
import { ConfigError } from "../base/errors.ts";
import type { Answer, ExampleSource } from "./example.ts";
import type { DataFile } from "./files.ts";
import { type Parts, splitRows, splitText } from "./held-out.ts";
import { exampleOrder } from "./order.ts";
import { isWrapped, type Made, type MakeContext, make, noRows, rowsOf } from "./rows.ts";
import { nothingPending, wrapper } from "./wrap.ts";

export interface HeldExamples {
  readonly train: readonly Answer[];
  readonly heldOut: readonly Answer[];
  /** Bytes of text that the examples stand for. */
  readonly trainBytes: number;
  readonly heldBytes: number;
}

interface Kept extends Made {
  readonly bytes: number;
}

/** Reads all rows; holds out `share` of them. */
export async function readExamples(
  files: readonly DataFile[],
  context: MakeContext,
  share: number,
): Promise<HeldExamples> {
  refuseTooMany(files);
  const rows: Kept[] = [];
  for (const file of files) {
    for await (const row of rowsOf(file, context.config)) {
      const made = make(row, context);
      if (made === undefined) continue;
      // Its text is needed only where it is the only one, and is cut in two.
      const { text, ...rest } = made;
      const bytes = text === undefined ? 0 : Buffer.byteLength(text);
      rows.push(rows.length === 0 && text !== undefined ? { ...rest, text, bytes } : { ...rest, bytes });
    }
  }
  if (rows.length === 0) throw noRows(files, context.tally);
  const split = partsOf(rows, share, context);
  return {
    train: examplesOf(split.train, context),
    heldOut: examplesOf(split.heldOut, context),
    trainBytes: bytesOf(split.train),
    heldBytes: bytesOf(split.heldOut),
  };
}

const bytesOf = (rows: readonly Kept[]): number => rows.reduce((sum, { bytes }) => sum + bytes, 0);

/** About four bytes a byte of text, at worst. */
function refuseTooMany(files: readonly DataFile[]): void {
  const bytes = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
  if (bytes <= totalmem() / 2) return;
  const gib = (count: number) => (count / 2 ** 30).toFixed(1);
  throw new ConfigError(
    `data.path holds ${gib(bytes)} GiB, too much for the ${gib(totalmem())} GiB of this machine; read them while training, with data.stream=true`,
    { bytes },
  );
}

/** A single text that is to be wrapped is cut in two. */
function partsOf(rows: readonly Kept[], share: number, context: MakeContext): Parts<Kept> {
  const [{ text }] = rows as [Kept];
  if (rows.length > 1 || share === 0 || text === undefined || !isWrapped(context)) {
    return splitRows(rows, share);
  }
  const [train, heldOut] = splitText(text, share).map((own): Kept[] =>
    own === "" ? [] : [{ ids: context.tokenizer.encode(own), answers: [], bytes: Buffer.byteLength(own) }],
  );
  return { train: train!, heldOut: heldOut! };
}

function examplesOf(rows: readonly Kept[], context: MakeContext): Answer[] {
  if (!isWrapped(context)) return rows.flatMap(({ answers }) => answers);
  const { add, end } = wrapper(context.config, context.tokenizer, context.length);
  const made: Int32Array[] = [];
  let state = nothingPending;
  for (const { ids } of rows) {
    const wrapped = add(ids!, state);
    for (const row of wrapped.rows) made.push(row);
    state = wrapped.state;
  }
  for (const row of end(state)) made.push(row);
  return made.map((ids) => ({ ids, promptLength: 0 }));
}

/** In a new order every epoch. */
export function shuffledSource<Example extends Answer>(
  examples: readonly Example[],
  seed: number,
): ExampleSource<Example> {
  const order = exampleOrder(examples.length, seed);
  return {
    fingerprint: fingerprintOf(examples),
    count: examples.length,
    at: async (numbers) => numbers.map((number) => examples[order(number)]!),
  };
}

/** As they stand, again and again. */
export function orderedSource(examples: readonly Answer[]): ExampleSource<Answer> {
  return {
    fingerprint: fingerprintOf(examples),
    count: examples.length,
    at: async (numbers) => numbers.map((number) => examples[number % examples.length]!),
  };
}

function fingerprintOf(examples: readonly Answer[]): string {
  const hash = createHash("sha256");
  for (const { ids, promptLength, learnt } of examples) {
    hash.update(Int32Array.of(ids.length, promptLength, learnt === undefined ? 0 : 1));
    hash.update(Int32Array.from(ids));
    if (learnt !== undefined) hash.update(learnt);
  }
  return hash.digest("hex");
}
