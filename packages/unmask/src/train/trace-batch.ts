// Noise on the doubled sequence along recorded orders of revelation (diffusion/trace-corruption.ts), every draw keyed by
// the example's number and the column: T3D's intermediate states, made anew whenever an example comes.
//
// Tokens are supervised wherever they were hidden, under a random token as under the mask. Columns behind an answer that
// the decoder had open (`tails`) hold the mask and are in no loss: without them the network would see where a text ends.

import { fillUniform, streams, uniform } from "../base/rng.ts";
import {
  type CorruptionOrder,
  hiddenByTrace,
  hide,
  randomShare,
  ratioProbabilities,
  supervised,
} from "../diffusion/trace-corruption.ts";
import { fineUniforms } from "./answer-batch.ts";
import type { DoubledColumns, NoisyResponses } from "./doubled-batch.ts";

/** What noise needs to know of columns. */
export type TraceColumns = Pick<
  DoubledColumns,
  "rows" | "responseColumns" | "blockLength" | "responses" | "realResponses" | "extents"
>;

export interface TraceResponsesOptions {
  readonly seed: number;
  readonly examples: readonly number[];
  /** Reveal step of each token of each answer, from its first; below 0, or missing, for never. */
  readonly steps: readonly ArrayLike<number>[];
  readonly maskId: number;
  readonly padId: number;
  /** Shares of a block that may be hidden, drawn with probability ∝ share^exponent. */
  readonly ratios: readonly number[];
  readonly exponent: number;
  readonly order?: CorruptionOrder | undefined;
  /** Share of the hidden tokens that become random ones, and the tokens these are drawn from: 0 … tokens − 1. */
  readonly random?: { readonly share: number; readonly tokens: number } | undefined;
  /** How many tokens of an answer that are `padId` are supervised. */
  readonly padLimit?: number | undefined;
  /** Columns behind each answer that are masks. */
  readonly tails?: readonly number[] | undefined;
  /** The published code's shares of blocks, and its random order, which takes given tokens and padding too. */
  readonly released?: boolean | undefined;
}

/** As noisyResponses(); `times` are the ratios; losses are averaged over an answer, then over answers. */
export function traceResponses(columns: TraceColumns, options: TraceResponsesOptions): NoisyResponses {
  const { rows, responseColumns: L1, extents } = columns;
  const ids = Int32Array.from(columns.responses);
  const real = Uint8Array.from(columns.realResponses);
  const positions: number[] = [];
  const times: number[] = [];
  const weights: number[] = [];
  for (let row = 0; row < rows; row++) {
    const response = columns.responses.subarray(row * L1, (row + 1) * L1);
    const ratio = drawRatio(options, options.examples[row]!);
    const hidden = hiddenOf(columns, options, { row, ratio });
    const random = randomTokens(hidden, options, options.examples[row]!);
    ids.set(hide(response, hidden, { maskId: options.maskId, random }), row * L1);
    const behind = row * L1 + extents[row]!.end;
    ids.fill(options.maskId, behind, behind + (options.tails?.[row] ?? 0));
    real.fill(1, behind, behind + (options.tails?.[row] ?? 0));
    const { padId, padLimit: limit } = options;
    const counted = supervised(response, hidden, { padId, limit });
    for (const index of counted) {
      positions.push(row * L1 + index);
      times.push(ratio);
      weights.push(1 / counted.length);
    }
  }
  return {
    ids,
    positions: Int32Array.from(positions),
    times: Float64Array.from(times),
    weights: Float64Array.from(weights),
    size: rows,
    real,
  };
}

function drawRatio({ seed, ratios, exponent }: TraceResponsesOptions, example: number): number {
  let left = uniform({ seed, stream: streams.time }, example, 0, 0);
  const probabilities = ratioProbabilities(ratios, exponent);
  const index = probabilities.findIndex((p) => {
    left -= p;
    return left < 0;
  });
  return ratios.at(index)!; // the last one, where rounding leaves none
}

function hiddenOf(
  { responseColumns: L1, blockLength, extents }: TraceColumns,
  { seed, examples, steps, order = "latest", released }: TraceResponsesOptions,
  { row, ratio }: { row: number; ratio: number },
): number[] {
  const { begin, end } = extents[row]!;
  const own_L = new Float64Array(L1).fill(-1);
  const own = steps[row]!;
  for (let i = 0; begin + i < end && i < own.length; i++) own_L[begin + i] = own[i]!;
  if (order !== "random") return hiddenByTrace(L1, { blockLength, ratio, order, steps: own_L, released });
  // A random subset of what may be hidden: the latest by random numbers.
  const random_L = new Float64Array(L1).fill(-1);
  fillUniform(random_L.subarray(begin, end), { seed, stream: streams.corruption }, examples[row]!, 0);
  const steps_L = random_L.map((value, i) => (released === true || own_L[i]! >= 0 ? value : -1));
  return hiddenByTrace(L1, { blockLength, ratio, order: "latest", steps: steps_L, released });
}

function randomTokens(
  hidden: readonly number[],
  { seed, random }: TraceResponsesOptions,
  example: number,
): Map<number, number> {
  const source = { seed, stream: streams.corruption };
  const count = random === undefined ? 0 : randomShare(hidden.length, random.share);
  if (random === undefined || count === 0) return new Map();
  const rank = (index: number) => uniform(source, example, 1, hidden[index]!);
  const chosen = hidden.map((_, index) => index).sort((a, b) => rank(a) - rank(b));
  const choices = fineUniforms(source, example, { step: 2, count: hidden.at(-1)! + 1 });
  return new Map(
    chosen.slice(0, count).map((index) => [index, Math.floor(choices[hidden[index]!]! * random.tokens)]),
  );
}
