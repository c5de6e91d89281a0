// Noise on the doubled sequence along recorded orders of revelation (diffusion/trace-corruption.ts), every draw keyed by
// the example's number and the column: T3D's intermediate states, made anew whenever an example comes.
//
// Tokens are supervised wherever they were hidden, under a random token as under the mask.

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
}

/** As noisyResponses(); `times` are the ratios; losses are averaged over an answer, then over answers. */
export function traceResponses(columns: DoubledColumns, options: TraceResponsesOptions): NoisyResponses {
  const { rows, responseColumns: L1 } = columns;
  const ids = Int32Array.from(columns.responses);
  const positions: number[] = [];
  const times: number[] = [];
  const weights: number[] = [];
  for (let row = 0; row < rows; row++) {
    const response = columns.responses.subarray(row * L1, (row + 1) * L1);
    const ratio = drawRatio(options, options.examples[row]!);
    const hidden = hiddenOf(columns, options, { row, ratio });
    const random = randomTokens(hidden, options, options.examples[row]!);
    ids.set(hide(response, hidden, { maskId: options.maskId, random }), row * L1);
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
  { responseColumns: L1, blockLength, extents }: DoubledColumns,
  { seed, examples, steps, order = "latest" }: TraceResponsesOptions,
  { row, ratio }: { row: number; ratio: number },
): number[] {
  const { begin, end } = extents[row]!;
  const order_L = new Float64Array(L1).fill(-1);
  // A random subset of what may be hidden: the latest by random numbers.
  if (order === "random") {
    fillUniform(order_L.subarray(begin, end), { seed, stream: streams.corruption }, examples[row]!, 0);
  } else {
    const own = steps[row]!;
    for (let i = 0; begin + i < end && i < own.length; i++) order_L[begin + i] = own[i]!;
  }
  const direction = order === "random" ? "latest" : order;
  return hiddenByTrace(L1, { blockLength, ratio, order: direction, steps: order_L });
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
