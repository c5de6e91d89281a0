// Generative perplexity: how surprised a causal judge (GPT-2) is by texts. It comes with their entropy, because
// repetition lowers both.
// Reference for parity: haoyangzheng-ai/didi-instruct 7825a02, metrics.py, record_generative_perplexity, record_entropy.
//
//   perplexity = exp(Σ −ln p(x_i | x_<i) / number of scored tokens)      over all texts together
//
// Texts longer than the judge's context are cut into chunks that are scored apart; a chunk's first token has no score.
// Scored are all other tokens except end-of-text, and the first end-of-text of each chunk; one in a chunk's first place
// is that first one. The rules differ in which texts and tokens there are:
//
//   corrected   every text; tokens that are the text's own
//   released    texts in batches, of which an incomplete last one is dropped (20 texts in batches of 8: 16 count); all
//               padded with end-of-text to one length, so that a shorter text without an end gets a score for one
//
// Smoke test: a judge that finds every token equally likely gives the size of its vocabulary.
// Letters: B rows, L positions, N scored targets, V vocabulary.

import {
  crossEntropyLoss,
  noGrad,
  type ProductDtype,
  scope,
  type Tensor,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { DataError, UnsupportedError, UsageError } from "../base/errors.ts";
import type { Facts, Network } from "../models/family.ts";
import { distinct, meanEntropy } from "./text-statistics.ts";

export interface Judge {
  readonly network: Network;
  readonly facts: Facts;
}

/** Token ids of the judge's tokenizer. */
export type Ids = ArrayLike<number>;

export interface PerplexityOptions {
  readonly rule?: "corrected" | "released" | undefined;
  /** Texts at a time, 8 by default; under `released` it decides which are dropped. */
  readonly batchSize?: number | undefined;
  /** Positions of a chunk; the judge's context by default. */
  readonly chunk?: number | undefined;
  /** Tokens behind it are cut off (the published script: 1024); none by default. */
  readonly maxLength?: number | undefined;
  /** End-of-text; the judge's own by default. */
  readonly endId?: number | undefined;
  /** dtype of matrix products; float32 by default. */
  readonly products?: ProductDtype | undefined;
}

export interface TextQuality {
  readonly rule: "corrected" | "released";
  readonly perplexity: number;
  /** Sum over the scored tokens, in nats. */
  readonly nll: number;
  readonly scoredTokens: number;
  readonly texts: number;
  readonly scoredTexts: number;
  /** Mean entropy of all texts' token frequencies, in nats. */
  readonly entropy: number;
  /** Different n-grams as a share of all, for n = 1, 2, 3. */
  readonly distinct: readonly [number, number, number];
}

/** One chunk of one batch. */
export interface ChunkScore {
  readonly rows: number;
  /** Targets of a row: one less than the chunk has tokens. */
  readonly targets: number;
  /** Negative log-likelihoods in nats, row after row; 0 where not scored. */
  readonly losses: Float32Array;
  /** 1 where scored. */
  readonly scored: Uint8Array;
}

export function textQuality(
  judge: Judge,
  texts: readonly Ids[],
  options: PerplexityOptions = {},
): TextQuality {
  const { rule = "corrected" } = options;
  let nll = 0;
  let scoredTokens = 0;
  for (const { losses, scored } of chunkScores(judge, texts, options)) {
    for (const loss of losses) nll += loss;
    for (const flag of scored) scoredTokens += flag;
  }
  if (scoredTokens === 0)
    throw new DataError("no text has a token to score; give texts of two tokens at least");
  return {
    ...{ rule, perplexity: Math.exp(nll / scoredTokens), nll, scoredTokens },
    texts: texts.length,
    scoredTexts: countScored(texts.length, options),
    entropy: meanEntropy(texts),
    distinct: [distinct(texts, 1), distinct(texts, 2), distinct(texts, 3)],
  };
}

const batchOf = (count: number, { batchSize = 8 }: PerplexityOptions) => Math.min(batchSize, count);

function countScored(count: number, options: PerplexityOptions): number {
  const batch = batchOf(count, options);
  return options.rule === "released" ? Math.floor(count / batch) * batch : count;
}

/** Batch by batch, and in a batch chunk by chunk. */
export function* chunkScores(
  judge: Judge,
  texts: readonly Ids[],
  options: PerplexityOptions = {},
): Generator<ChunkScore> {
  const { chunk, endId } = checked(judge, texts, options);
  const { maxLength = Number.POSITIVE_INFINITY, products } = options;
  const cut = texts.map((ids) => Int32Array.from(ids).subarray(0, maxLength));
  const widest = cut.reduce((most, { length }) => Math.max(most, length), 0);
  const count = countScored(texts.length, options);
  for (let start = 0; start < count; start += batchOf(texts.length, options)) {
    const batch = cut.slice(start, Math.min(start + batchOf(texts.length, options), count));
    const width = options.rule === "released" ? widest : Math.max(...batch.map(({ length }) => length));
    for (let column = 0; column + 1 < width; column += chunk) {
      const length = Math.min(chunk, width - column);
      if (length < 2) continue;
      const rows = batch.map((ids) => padded(ids.subarray(column, column + length), length, endId));
      const own = batch.map((ids) => (options.rule === "released" ? length : ids.length - column));
      const scored = rows.map((row, b) => scoredTargets(row, { endId, own: own[b]! }));
      yield {
        rows: rows.length,
        targets: length - 1,
        losses: lossesOf(judge, rows, { scored, products }),
        scored: joined(scored, length - 1),
      };
    }
  }
}

/** Behind what the judge sees nothing follows that it could look at: padding needs no mask. */
function padded(ids: Int32Array, length: number, endId: number): Int32Array {
  const row = new Int32Array(length).fill(endId);
  row.set(ids);
  return row;
}

/** Flags of a chunk's targets (positions 1, 2 …) of which the first `own` positions are the text's. */
function scoredTargets(row: Int32Array, { endId, own }: { endId: number; own: number }): Uint8Array {
  const firstEnd = row.indexOf(endId);
  return Uint8Array.from({ length: row.length - 1 }, (_, i) => {
    const at = i + 1;
    return Number(at < own && (row[at] !== endId || at === firstEnd));
  });
}

function joined(parts: readonly Uint8Array[], width: number): Uint8Array {
  const whole = new Uint8Array(parts.length * width);
  for (const [i, part] of parts.entries()) whole.set(part, i * width);
  return whole;
}

/** Logits at a time: 256 MiB in float32. */
const logitsAtOnce = 2 ** 26;

interface LossOptions {
  readonly scored: readonly Uint8Array[];
  readonly products?: ProductDtype | undefined;
}

/** As many rows a forward as memory should hold; the batch decides nothing here. */
function lossesOf(
  judge: Judge,
  rows: readonly Int32Array[],
  { scored, products }: LossOptions,
): Float32Array {
  const length = rows[0]!.length;
  const together = Math.max(1, Math.floor(logitsAtOnce / (length * judge.facts.vocabularySize)));
  const losses = new Float32Array(rows.length * (length - 1));
  for (let start = 0; start < rows.length; start += together) {
    const group = rows.slice(start, start + together);
    const places = group.flatMap((_, b) => scoredPlaces(scored[start + b]!).map((target) => ({ b, target })));
    if (places.length === 0) continue;
    const values = scope(() => noGrad(() => toNumbers(groupLosses(judge, { group, places, products }))));
    for (const [n, { b, target }] of places.entries()) {
      losses[(start + b) * (length - 1) + target] = values[n]!;
    }
  }
  return losses;
}

const scoredPlaces = (flags: Uint8Array): number[] =>
  Array.from(flags, (flag, target) => (flag === 1 ? target : -1)).filter((target) => target >= 0);

interface Group {
  readonly group: readonly Int32Array[];
  /** Target i of a row is its token i + 1, which the logits of position i predict. */
  readonly places: readonly { b: number; target: number }[];
  readonly products?: ProductDtype | undefined;
}

function groupLosses({ network }: Judge, { group, places, products }: Group): Tensor {
  const length = group[0]!.length;
  const { device } = [...network.parameters.values()][0]!;
  const whole = (values: readonly number[], shape: readonly number[]) =>
    tensor(BigInt64Array.from(values, BigInt), [...shape], { device });
  const ids_BL = whole(
    group.flatMap((row) => [...row]),
    [group.length, length],
  );
  const rows_N = whole(
    places.map(({ b, target }) => b * length + target),
    [places.length],
  );
  const targets_N = whole(
    places.map(({ b, target }) => group[b]![target + 1]!),
    [places.length],
  );
  return crossEntropyLoss(network.logits(ids_BL, rows_N, { products }), targets_N, { reduction: 0 });
}

function checked(judge: Judge, texts: readonly Ids[], options: PerplexityOptions) {
  const { facts } = judge;
  if (facts.denoises || facts.shift !== 1) {
    throw new UnsupportedError(`${facts.family} is no judge: it does not read from left to right; use GPT-2`);
  }
  const { chunk = facts.contextLength, endId = facts.endIds[0], batchSize = 8 } = options;
  if (endId === undefined) throw new UnsupportedError("the judge names no end-of-text; give endId");
  if (!Number.isSafeInteger(chunk) || chunk < 2) {
    throw new UsageError(`chunk is ${chunk}; give a whole number of at least 2`);
  }
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new UsageError(`batchSize is ${batchSize}; give a whole number of at least 1`);
  }
  if (texts.length === 0) throw new DataError("there are no texts; give one at least");
  for (const [i, ids] of texts.entries()) {
    const wrong = Array.from(ids).find(
      (id) => !(Number.isInteger(id) && id >= 0 && id < facts.vocabularySize),
    );
    if (wrong === undefined) continue;
    throw new DataError(
      `id ${wrong} of text ${i} is outside the judge's vocabulary of ${facts.vocabularySize}; encode texts with the judge's tokenizer`,
    );
  }
  const longest = texts.reduce((most, { length }) => Math.max(most, length), 0);
  if (Math.min(chunk, longest) > facts.contextLength) {
    throw new UsageError(`chunk is ${chunk}; the judge's context is ${facts.contextLength}`);
  }
  return { chunk, endId };
}
