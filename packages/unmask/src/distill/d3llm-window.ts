// Which tokens of an answer d3LLM hides: a window of it, in the order in which the teacher revealed them. In front of
// the window the answer is clean; behind it everything is masked and nothing is scored.
//
//   corrected  windows of k columns from the answer's first token on, the last one shorter; of a window's n tokens those
//              that the teacher revealed last are hidden, ⌈t n⌉ of them: the ratio is exact for every k
//   released   ⌊n / k⌋ windows and one more, which may be empty; hidden is what the teacher's record shows as masked at
//              its step (columns before the window) + ⌊(1 − t) k⌋: too few where the window lies across the teacher's
//              blocks, and one too few everywhere, since the record's step i shows i + 1 tokens
//
// The last window takes the padding behind the answer with it, as far as it belongs to the canvas; no order is known
// there, and it is hidden, as the published code for LLaDA has it.

import type { Fidelity } from "../decode/decoder.ts";

/** Columns [from, to). */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** How many windows there are to choose from. */
export function windowCount(tokens: number, size: number, fidelity: Fidelity): number {
  return fidelity === "released" ? Math.floor(tokens / size) + 1 : Math.max(1, Math.ceil(tokens / size));
}

/** The window of this index; the last one reaches to `end`. */
export function windowAt(
  index: number,
  { begin, end, size, count }: { begin: number; end: number; size: number; count: number },
): Window {
  const from = Math.min(end, begin + index * size);
  return { from, to: index === count - 1 ? end : Math.min(end, from + size) };
}

/** How many tokens of a window stay visible; a product that misses an integer by rounding alone is that integer. */
const visibleCount = (tokens: number, ratio: number): number => Math.floor((1 - ratio) * tokens + 1e-9);

/**
 * Hides what comes last: of the columns, in their order, the ones with the highest ranks. Equal ranks count from left to
 * right.
 */
export function hideLast(columns: readonly number[], ranks: readonly number[], ratio: number): number[] {
  const order = columns.map((_, i) => i).sort((a, b) => ranks[a]! - ranks[b]! || a - b);
  const hidden = order.slice(visibleCount(columns.length, ratio));
  return hidden.map((i) => columns[i]!).sort((a, b) => a - b);
}

/** A teacher's whole record, as published: which column of the canvas behind the prompt was revealed at which step. */
export interface TeacherTrace {
  /** The prompt that the teacher was given. */
  readonly promptLength: number;
  /** Step of each column behind it. */
  readonly steps: readonly number[];
  /** Steps of the record. */
  readonly count: number;
}

/** Step of the record that the published code takes for a window, given in columns behind the trained prompt. */
export function recordStep({ from, to }: Window, ratio: number, { count }: TeacherTrace): number {
  return Math.min(from + Math.floor((1 - ratio) * (to - from)), count - 1);
}

/**
 * The columns of a window that the record shows as masked at a step. Columns are those of the row: with another prompt
 * than the teacher's they mean other tokens, which the published code does not notice. Behind the record there is
 * padding: masks for LLaDA, ends of text for Dream.
 */
export function hiddenInRecord(
  { from, to }: Window,
  step: number,
  trace: TeacherTrace,
  { padHidden }: { padHidden: boolean },
): number[] {
  const columns = Array.from({ length: to - from }, (_, i) => from + i);
  return columns.filter((column) => {
    const place = column - trace.promptLength;
    if (place < 0) return false;
    return place < trace.steps.length ? trace.steps[place]! > step : padHidden;
  });
}
