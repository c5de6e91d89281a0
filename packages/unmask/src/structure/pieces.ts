// Piecewise constant functions of code points: which expression follows which character, and sets of characters.
//
// A function has the value of `values[i]` from `starts[i]` up to the next start; the first start is 0. Neighbours differ.
// A set is a function to booleans.

export const lastCodePoint = 0x10ffff;

export interface Piecewise<T> {
  readonly starts: readonly number[];
  readonly values: readonly T[];
}

export type CodePoints = Piecewise<boolean>;

export const constant = <T>(value: T): Piecewise<T> => ({ starts: [0], values: [value] });

/** Puts pieces together, equal neighbours as one. */
class Builder<T> {
  private readonly starts: number[] = [];
  private readonly values: T[] = [];

  add(start: number, value: T): void {
    if (this.values.length > 0 && this.values.at(-1) === value) return;
    this.starts.push(start);
    this.values.push(value);
  }

  done(): Piecewise<T> {
    return { starts: this.starts, values: this.values };
  }
}

export function mapPieces<T, U>({ starts, values }: Piecewise<T>, change: (value: T) => U): Piecewise<U> {
  const builder = new Builder<U>();
  for (let i = 0; i < starts.length; i++) builder.add(starts[i]!, change(values[i]!));
  return builder.done();
}

/** The value of several functions at once. */
export function mergePieces<T, U>(
  functions: readonly Piecewise<T>[],
  join: (values: readonly T[]) => U,
): Piecewise<U> {
  if (functions.length === 1) return mapPieces(functions[0]!, (value) => join([value]));
  const borders = [...new Set(functions.flatMap(({ starts }) => starts))].sort((a, b) => a - b);
  const at = functions.map(() => 0);
  const builder = new Builder<U>();
  for (const start of borders) {
    functions.forEach(({ starts }, i) => {
      while (starts[at[i]! + 1]! <= start) at[i]!++;
    });
    builder.add(start, join(functions.map(({ values }, i) => values[at[i]!]!)));
  }
  return builder.done();
}

export function valueAt<T>({ starts, values }: Piecewise<T>, point: number): T {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= point) low = middle;
    else high = middle - 1;
  }
  return values[low]!;
}

/** Calls with every piece: first and last code point, value. */
export function eachPiece<T>(
  { starts, values }: Piecewise<T>,
  visit: (from: number, to: number, value: T) => void,
): void {
  for (let i = 0; i < starts.length; i++) {
    visit(starts[i]!, (starts[i + 1] ?? lastCodePoint + 1) - 1, values[i]!);
  }
}

/** The set of some ranges, first and last code point each, in any order. */
export function rangesOf(ranges: readonly (readonly [number, number])[]): CodePoints {
  const sorted = [...ranges].sort(([a], [b]) => a - b);
  const builder = new Builder<boolean>();
  let next = 0;
  for (const [from, to] of sorted) {
    if (to < next) continue;
    if (from > next) builder.add(next, false);
    builder.add(Math.max(from, next), true);
    next = to + 1;
  }
  if (next <= lastCodePoint) builder.add(next, false);
  return builder.done();
}

export const complementOf = (set: CodePoints): CodePoints => mapPieces(set, (one) => !one);
export const unionOf = (sets: readonly CodePoints[]): CodePoints =>
  sets.length === 0 ? constant(false) : mergePieces(sets, (values) => values.includes(true));
