// What an objective prepares on the host, for whichever network and noise: ids to feed, rows of logits to read, and
// what each of them counts.

import type { Answer } from "../data/example.ts";
import type { NoiseProcess } from "../diffusion/noise.ts";

export interface MaskedBatch {
  readonly rows: number;
  /** Columns fed. */
  readonly length: number;
  /** [rows · length], with noise. */
  readonly ids: Int32Array;
  /** Flat rows of the logits that are read, one a position in the loss. No other goes through the head. */
  readonly reads: Int32Array;
  /** True token of each position in the loss, what the network was shown there, and its time. */
  readonly targets: Int32Array;
  readonly noisy: Int32Array;
  readonly times: Float64Array;
  /** What each position's loss counts, before the sum is divided by the size of the global batch. */
  readonly weights: Float64Array;
  /** What losses are averaged over, here: the tokens that may be in the loss, or the answers. */
  readonly size: number;
  /** [rows · length], 0 at padding, which nobody sees. */
  readonly real?: Uint8Array | undefined;
  /** [rows · length], places of the positions; from 0 by default. */
  readonly places?: Int32Array | undefined;
  /** [length · length], 1 where the query sees the key; the family's own visibility by default. */
  readonly allowed?: Uint8Array | undefined;
}

export type { Answer };

/**
 * What becomes of the end-of-text tokens that fill up a batch behind an answer (which has its own end of text, if the
 * data says so).
 *
 *   all    they are part of the answer: noised, trained on, seen. What LLaDA and Dream do; it teaches to end early, and
 *          makes the loss of an answer depend on the longest one beside it.
 *   first  the first is part of the answer; the others are seen by nobody and trained on by nobody.
 *   none   no padding is part of the answer.
 */
export const paddingPolicies = ["all", "first", "none"] as const;
export type PaddingPolicy = (typeof paddingPolicies)[number];

/**
 * What losses are averaged over.
 *
 *   answer  each answer's own tokens, then the answers: every answer counts alike (LLaDA's guidelines)
 *   batch   the answers' tokens of the whole batch: every token counts alike
 */
export const normalisations = ["answer", "batch"] as const;
export type Normalisation = (typeof normalisations)[number];

export interface ObjectiveOptions {
  readonly noise: NoiseProcess;
  readonly seed: number;
  /** Numbers of the answers in the run: noise depends on them and on nothing else of the batch. */
  readonly examples: readonly number[];
  /** Fills a batch up. */
  readonly padId: number;
  readonly padding?: PaddingPolicy | undefined;
  readonly normalisation?: Normalisation | undefined;
  /** Smallest time; times are uniform from there to 1. */
  readonly smallestTime?: number | undefined;
}

/** Columns that answers take, real and in the loss, when filled up to `columns`. */
export interface AnswerExtent {
  /** First column that may be noised. */
  readonly begin: number;
  /** First column behind the answer, padding that belongs to it included. */
  readonly end: number;
  /** Columns between them that are given all the same: what of a chat is no answer. */
  readonly given?: readonly number[] | undefined;
}

/** Columns that tokens and the padding that belongs to them need, whatever stands beside them in a batch. */
export const ownColumns = (tokens: number, { padding }: { padding?: PaddingPolicy | undefined }): number =>
  tokens + (padding === "first" ? 1 : 0);

export function answerExtent(
  { ids, promptLength, learnt }: Answer,
  columns: number,
  { padding = "all", shift = 0 }: { padding?: PaddingPolicy | undefined; shift?: 0 | 1 | undefined },
): AnswerExtent {
  const more = { all: columns, first: ids.length + 1, none: ids.length }[padding];
  // With the shift nothing predicts the first column: it is given.
  const extent = { begin: Math.max(promptLength, shift), end: Math.min(columns, more) };
  if (learnt === undefined) return extent;
  const given = [...learnt.keys()].filter((column) => column >= extent.begin && learnt[column] === 0);
  return { ...extent, given };
}

/** Columns of an answer that may be noised. */
export const learntColumns = ({ begin, end, given = [] }: AnswerExtent): number =>
  Math.max(0, end - begin - given.length);

/** Numbers by which no column is noised that is given. */
export function keepGiven(uniforms: Float32Array, { begin, end, given = [] }: AnswerExtent): void {
  uniforms.fill(1, 0, begin).fill(1, end);
  for (const column of given) uniforms[column] = 1;
}

/** Weight of a position by the row it stands in, before the noise's own, and what the whole is divided by. */
export function averaging(
  lengths: readonly number[],
  normalisation: Normalisation = "answer",
): { readonly share: (row: number) => number; readonly size: number } {
  if (normalisation === "batch") return { share: () => 1, size: lengths.reduce((a, b) => a + b, 0) };
  return { share: (row) => 1 / Math.max(1, lengths[row]!), size: lengths.length };
}
