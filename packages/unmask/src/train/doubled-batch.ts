// Fine-tuning of block diffusion (SDAR, T3D) on the doubled sequence of diffusion/doubled.ts: answers in columns,
// the noisy copy, and what is read of it.
//
// Noise of blocks: each block of an answer has a time of its own (Arriola et al. 2025, "Block diffusion"), so that one
// forward sees many times; or all of them the answer's.

import {
  type Alignment,
  type DoubledShape,
  doubledLength,
  doubledPositions,
  doubledStructure,
  promptShare,
} from "../diffusion/doubled.ts";
import { drawColumns, drawTime, joined } from "./answer-batch.ts";
import {
  type Answer,
  type AnswerExtent,
  answerExtent,
  averaging,
  keepGiven,
  learntColumns,
  type MaskedBatch,
  type ObjectiveOptions,
  ownColumns,
} from "./masked-batch.ts";

/** Answers in columns: prompts padded on the left, responses on the right to whole blocks. */
export interface DoubledColumns extends DoubledShape {
  readonly rows: number;
  /** [rows · L0]. */
  readonly prompts: Int32Array;
  /** [rows · L1], clean; may begin with the prompt's tail. */
  readonly responses: Int32Array;
  /** [rows · L0], 0 at padding. */
  readonly realPrompts: Uint8Array;
  /** [rows · L1], 0 at padding that belongs to no answer. */
  readonly realResponses: Uint8Array;
  /** Per row, the columns of the response that may be noised. */
  readonly extents: readonly AnswerExtent[];
}

export interface ColumnsOptions extends Pick<ObjectiveOptions, "padId" | "padding"> {
  readonly blockLength: number;
  readonly alignment?: Alignment | undefined;
}

export function doubledColumns(answers: readonly Answer[], options: ColumnsOptions): DoubledColumns {
  const { blockLength, padId, padding, alignment = "corrected" } = options;
  const heads = answers.map(({ promptLength }) => promptShare(promptLength, blockLength, alignment));
  const tails = answers.map(({ ids }, row) => ids.length - heads[row]!);
  const promptColumns = Math.max(...heads);
  const longest = Math.max(...tails.map((tail) => ownColumns(tail, { padding })));
  const responseColumns = blockLength * Math.ceil(longest / blockLength);
  const prompts = new Int32Array(answers.length * promptColumns).fill(padId);
  const responses = new Int32Array(answers.length * responseColumns).fill(padId);
  const realPrompts = new Uint8Array(prompts.length);
  const realResponses = new Uint8Array(responses.length);
  const extents = answers.map(({ ids, promptLength, learnt }, row) => {
    const head = heads[row]!;
    const tokens = Int32Array.from(ids);
    const end = (row + 1) * promptColumns;
    prompts.set(tokens.subarray(0, head), end - head);
    realPrompts.fill(1, end - head, end);
    const begin = row * responseColumns;
    responses.set(tokens.subarray(head), begin);
    const rest = { ids: tokens.subarray(head), learnt: learnt?.subarray(head) };
    const response = { ...rest, promptLength: promptLength - head };
    const extent = answerExtent(response, responseColumns, { padding });
    realResponses.fill(1, begin, begin + Math.max(extent.end, response.ids.length));
    return extent;
  });
  const shape = { promptColumns, responseColumns, blockLength };
  return { ...shape, rows: answers.length, prompts, responses, realPrompts, realResponses, extents };
}

/** What the noisy copy holds, and which of its positions count how much. */
export interface NoisyResponses {
  /** [rows · L1]. */
  readonly ids: Int32Array;
  /** Flat positions [rows · L1] in the loss, with time and weight of each. */
  readonly positions: Int32Array;
  readonly times: Float64Array;
  readonly weights: Float64Array;
  readonly size: number;
  /** [rows · L1], 0 at padding of the noisy copy; as in the clean one by default. */
  readonly real?: Uint8Array | undefined;
}

/** The batch for a network: three parts a row, logits of the noisy part's positions alone. */
export function doubledBatch(columns: DoubledColumns, noisy: NoisyResponses): MaskedBatch {
  const { rows, promptColumns: L0, responseColumns: L1 } = columns;
  const length = doubledLength(columns);
  const ids = new Int32Array(rows * length);
  const real = new Uint8Array(rows * length);
  const part = <Numbers extends Int32Array | Uint8Array>(all: Numbers, row: number, size: number) =>
    all.subarray(row * size, (row + 1) * size);
  for (let row = 0; row < rows; row++) {
    const at = row * length;
    ids.set(part(columns.prompts, row, L0), at);
    ids.set(part(columns.responses, row, L1), at + L0);
    ids.set(part(noisy.ids, row, L1), at + L0 + L1);
    real.set(part(columns.realPrompts, row, L0), at);
    real.set(part(columns.realResponses, row, L1), at + L0);
    real.set(part(noisy.real ?? columns.realResponses, row, L1), at + L0 + L1);
  }
  const { positions, times, weights, size } = noisy;
  return {
    rows,
    length,
    ids,
    reads: positions.map((flat) => Math.floor(flat / L1) * length + L0 + L1 + (flat % L1)),
    targets: positions.map((flat) => columns.responses[flat]!),
    noisy: positions.map((flat) => noisy.ids[flat]!),
    times,
    weights,
    size,
    real: real.includes(0) ? real : undefined,
    places: doubledPositions(columns, columns.realPrompts, rows),
    allowed: doubledStructure(columns),
  };
}

export interface BlockNoiseOptions extends ObjectiveOptions {
  /** A time for each block, or one for the whole answer. */
  readonly times?: "block" | "answer" | undefined;
}

/** Noise of a process on the responses. */
export function noisyResponses(columns: DoubledColumns, options: BlockNoiseOptions): NoisyResponses {
  const { rows, responseColumns: L1, blockLength, extents } = columns;
  const { noise, examples } = options;
  const blocks = L1 / blockLength;
  const times = examples.flatMap((example) =>
    Array.from({ length: blocks }, (_, block) =>
      drawTime(options, example, options.times === "answer" ? 0 : block),
    ),
  );
  const draws = Array.from({ length: rows }, (_, row) => {
    const drawn = drawColumns(options, examples[row]!, L1);
    keepGiven(drawn.uniforms, extents[row]!);
    return drawn;
  });
  const corrupted = noise.corrupt(columns.responses, blockLength, {
    times,
    uniforms: joined(draws.map(({ uniforms }) => uniforms)),
    choices: joined(draws.map(({ choices }) => choices)),
  });
  const { share, size } = averaging(extents.map(learntColumns), options.normalisation);
  return {
    ids: corrupted.ids,
    positions: corrupted.positions,
    times: Float64Array.from(corrupted.rows, (block) => times[block]!),
    weights: Float64Array.from(
      corrupted.rows,
      (block) => share(Math.floor(block / blocks)) * noise.lossWeight(times[block]!),
    ),
    size,
  };
}
