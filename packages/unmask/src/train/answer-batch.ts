// Fine-tuning on answers, masked (LLaDA's SFT; Dream's with the shift): the answer is noised at a rate of its own, the
// prompt never, and the loss is the noise's weighted cross-entropy at the noised positions, 1/t with masks.
//
//   t ~ U(ε, 1) an answer;   L = Σ over masked answer tokens of CE / t, averaged over an answer's tokens or the batch's
//
// References: ML-GSAI/LLaDA GUIDELINES.md; DreamLM/Dream (shift: row p of the logits predicts position p + 1).
// Everything random is keyed by the example's number and the column.

import { fillUniform, type RandomSource, streams, uniform } from "../base/rng.ts";
import {
  type Answer,
  answerExtent,
  averaging,
  keepGiven,
  learntColumns,
  type MaskedBatch,
  type ObjectiveOptions,
  ownColumns,
} from "./masked-batch.ts";

export interface AnswerOptions extends ObjectiveOptions {
  /** Columns of the batch; as many as the longest answer needs by default. */
  readonly columns?: number | undefined;
  /** Row p of the logits predicts position p + shift. */
  readonly shift?: 0 | 1 | undefined;
}

export const defaultSmallestTime = 1e-3;

export function answerBatch(answers: readonly Answer[], options: AnswerOptions): MaskedBatch {
  const columns = options.columns ?? Math.max(...answers.map(({ ids }) => ownColumns(ids.length, options)));
  const { padId, shift = 0, noise } = options;
  const clean = new Int32Array(answers.length * columns).fill(padId);
  const extents = answers.map((answer, row) => {
    if (answer.ids.length > columns) {
      throw new RangeError(`an answer of ${answer.ids.length} tokens does not fit into ${columns} columns`);
    }
    clean.set(answer.ids, row * columns);
    return answerExtent(answer, columns, options);
  });
  const times = options.examples.map((example) => drawTime(options, example));
  const draws = answers.map((_, row) => drawColumns(options, options.examples[row]!, columns));
  draws.forEach(({ uniforms }, row) => {
    keepGiven(uniforms, extents[row]!);
  });
  const { ids, positions, rows } = noise.corrupt(clean, columns, {
    times,
    uniforms: joined(draws.map(({ uniforms }) => uniforms)),
    choices: joined(draws.map(({ choices }) => choices)),
  });
  const { share, size } = averaging(extents.map(learntColumns), options.normalisation);
  return {
    rows: answers.length,
    length: columns,
    ids,
    reads: positions.map((flat) => flat - shift),
    targets: positions.map((flat) => clean[flat]!),
    noisy: positions.map((flat) => ids[flat]!),
    times: Float64Array.from(rows, (row) => times[row]!),
    weights: Float64Array.from(rows, (row) => share(row) * noise.lossWeight(times[row]!)),
    size,
    real: realColumns(answers, extents, columns),
  };
}

/** Time of an example, or of a block of it. */
export function drawTime(
  { seed, smallestTime = defaultSmallestTime }: Pick<ObjectiveOptions, "seed" | "smallestTime">,
  example: number,
  block = 0,
): number {
  return smallestTime + (1 - smallestTime) * uniform({ seed, stream: streams.time }, example, 0, block);
}

export interface ColumnDraws {
  readonly uniforms: Float32Array;
  /** Empty where the noise makes no choice. */
  readonly choices: ArrayLike<number>;
}

/** The numbers of an example's columns; those of absorbing noise are the same as in pre-training. */
export function drawColumns(
  { seed, noise }: Pick<ObjectiveOptions, "seed" | "noise">,
  example: number,
  columns: number,
): ColumnDraws {
  const source = { seed, stream: streams.corruption };
  const uniforms = new Float32Array(columns);
  fillUniform(uniforms, source, example, 0);
  const choices = noise.name === "uniform" ? fineUniforms(source, example, { step: 1, count: columns }) : [];
  return { uniforms, choices };
}

/** Of 48 bits, from the coordinates' `step` and the next: 24 bits do not choose evenly among 128 Ki tokens. */
export function fineUniforms(
  source: RandomSource,
  example: number,
  { step, count }: { step: number; count: number },
): Float64Array {
  const [high, low] = [new Float64Array(count), new Float64Array(count)];
  fillUniform(high, source, example, step);
  fillUniform(low, source, example, step + 1);
  return high.map((value, i) => value + low[i]! * 2 ** -24);
}

/** Arrays of one kind, one behind the other. */
export function joined(parts: readonly ArrayLike<number>[]): Float64Array {
  const result = new Float64Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** Undefined where every column is real. */
function realColumns(
  answers: readonly Answer[],
  extents: readonly { end: number }[],
  columns: number,
): Uint8Array | undefined {
  const ends = answers.map(({ ids }, row) => Math.max(ids.length, extents[row]!.end));
  if (ends.every((end) => end === columns)) return undefined;
  const real = new Uint8Array(answers.length * columns);
  ends.forEach((end, row) => {
    real.fill(1, row * columns, row * columns + end);
  });
  return real;
}
