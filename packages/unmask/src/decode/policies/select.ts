// Choosing among candidates. Ties go to the lowest column.

import { type Coordinates, uniform } from "../../base/rng.ts";

/**
 * Size of share `index` of `parts` shares of `total` that differ by at most one, the larger first. Undefined behind the
 * last. No list is made of them: whoever asks a server for steps may ask for any number.
 */
export function evenShare(total: number, parts: number, index: number): number | undefined {
  if (index >= parts) return undefined;
  return Math.floor(total / parts) + (index < total % parts ? 1 : 0);
}

/** Indices from the largest score to the smallest. */
export const ranked = (scores: ArrayLike<number>): number[] =>
  Array.from(scores, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);

/** Indices of the `count` largest scores, ascending. */
export const largest = (scores: ArrayLike<number>, count: number): number[] =>
  ranked(scores)
    .slice(0, count)
    .sort((a, b) => a - b);

/** Index of the smallest score, −1 if there is none. */
export function smallest(scores: ArrayLike<number>): number {
  let best = -1;
  for (let i = 0; i < scores.length; i++) if (best < 0 || scores[i]! < scores[best]!) best = i;
  return best;
}

/** Indices of the largest score and of every other that is at least `bar`, ascending; none of none. */
export function largestAnd(scores: ArrayLike<number>, bar: number): number[] {
  const [best] = largest(scores, 1);
  return Array.from(scores, (_, i) => i).filter((i) => i === best || scores[i]! >= bar);
}

/** One number a column that depends on the coordinates and the column alone. */
export const randomScores = (
  columns: ArrayLike<number>,
  { sequence, step, ...source }: Coordinates,
): number[] => Array.from(columns, (column) => uniform(source, sequence, step, column));

/**
 * How early each column of a span comes in an order in which columns that follow one another lie far apart: the numbers
 * 0, 1, 2, … with their bits reversed (van der Corput), begun at `offset`. Of n columns, each run of 2^k in the order that
 * starts at a multiple of 2^k is n / 2^k apart. Networks write the tokens of one forward independently, and neighbours are
 * what depends on one another most.
 */
export function spreadScores(
  columns: ArrayLike<number>,
  { from, to, offset }: { readonly from: number; readonly to: number; readonly offset: number },
): number[] {
  const size = to - from;
  const bits = Math.ceil(Math.log2(Math.max(2, size)));
  return Array.from(columns, (column) => -reversed((column - from + offset) % size, bits));
}

function reversed(number: number, bits: number): number {
  let result = 0;
  for (let bit = 0; bit < bits; bit++) result = result * 2 + ((number >> bit) & 1);
  return result;
}
