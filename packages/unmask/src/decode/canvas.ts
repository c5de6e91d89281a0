// The state of one sequence that is being decoded: what is written where, and what is still open.
//
// "Open" is a set of columns of its own, never "equals the mask id": a prompt may hold the mask token literally, and
// other noise has no mask token. "Given" columns (a prompt, a suffix, the frame of a hole) are never written. Only
// commit.ts writes.

import { invariant } from "../base/errors.ts";

export interface Canvas {
  readonly length: number;
  /** Token ids; open columns hold what the noise process puts there. */
  readonly ids: Int32Array;
  /** 1 where undecided. */
  readonly open: Uint8Array;
  /** 1 where the text was given: prompt, prefix, suffix. */
  readonly given: Uint8Array;
  /** The token that stands at open columns. */
  readonly noiseId: number;
  /** Identity for random numbers: its place in the whole request, not in a batch. */
  readonly sequence: number;
  /** Forwards of the network that it took part in. */
  forwards: number;
  /** Passes through a reward's network on its behalf: forwards, and backward passes down to its input. */
  readonly rewarded: { forwards: number; backwards: number };
  /** For each column the forward (from 0) whose proposal was committed; −1 if never or given. */
  readonly revealStep: Int32Array;
}

export interface CanvasOptions {
  length: number;
  /** The mask, for absorbing noise. */
  noiseId: number;
  /** 0 by default. */
  sequence?: number | undefined;
  /** Given tokens from column 0 on. */
  prompt?: ArrayLike<number> | undefined;
  /** Given tokens anywhere else, by column: a suffix, the frame of holes. */
  given?: ReadonlyMap<number, number> | undefined;
}

export function newCanvas({ length, noiseId, sequence = 0, prompt = [], given }: CanvasOptions): Canvas {
  const ids = new Int32Array(length).fill(noiseId);
  const isGiven = new Uint8Array(length);
  const put = (column: number, token: number) => {
    invariant(column >= 0 && column < length, `column ${column} is outside a canvas of ${length}`);
    ids[column] = token;
    isGiven[column] = 1;
  };
  for (let column = 0; column < prompt.length; column++) put(column, prompt[column]!);
  for (const [column, token] of given ?? []) put(column, token);
  return {
    length,
    ids,
    open: isGiven.map((one) => 1 - one),
    given: isGiven,
    noiseId,
    sequence,
    forwards: 0,
    rewarded: { forwards: 0, backwards: 0 },
    revealStep: new Int32Array(length).fill(-1),
  };
}

/** Open columns from … to − 1, ascending. */
export function openColumns(canvas: Canvas, from = 0, to = canvas.length): Int32Array {
  const columns = new Int32Array(Math.max(0, to - from));
  let count = 0;
  for (let column = from; column < to; column++) {
    if (canvas.open[column] === 1) columns[count++] = column;
  }
  return columns.slice(0, count);
}

/** How many columns from … to − 1 are open. */
export function countOpen(canvas: Canvas, from = 0, to = canvas.length): number {
  let count = 0;
  for (let column = from; column < to; column++) count += canvas.open[column]!;
  return count;
}

export const isFinished = (canvas: Canvas): boolean => !canvas.open.includes(1);
