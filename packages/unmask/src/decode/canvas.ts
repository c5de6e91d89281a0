// The state of a decoding run: what is written where, and what is still open.
//
// "Open" is a set of positions of its own, never "equals the mask id": a prompt may hold the mask token literally,
// and other noise has no mask token. Positions are flat: row · length + column. Only commit.ts writes tokens.

export interface Canvas {
  readonly rows: number;
  readonly length: number;
  /** Token ids [rows · length]; open positions hold whatever the noise process puts there. */
  readonly ids: Int32Array;
  /** 1 where undecided. */
  readonly open: Uint8Array;
  /** Identity of each row for random numbers: its place in the whole request, not in this batch. */
  readonly sequences: readonly number[];
  /** Forwards of the network that each row took part in. */
  readonly forwards: Int32Array;
  /** For each position the forward (from 0, of its row) whose proposal was committed; −1 if never or given. */
  readonly revealStep: Int32Array;
}

export interface CanvasOptions {
  length: number;
  /** Token that stands at open positions (the mask, for absorbing noise). */
  noiseId: number;
  /** One identity a row. */
  sequences: readonly number[];
  /** Given tokens, the same for every row, from column 0 on; they are never changed. */
  prefix?: ArrayLike<number> | undefined;
}

export function newCanvas({ length, noiseId, sequences, prefix = [] }: CanvasOptions): Canvas {
  const rows = sequences.length;
  const ids = new Int32Array(rows * length).fill(noiseId);
  const open = new Uint8Array(rows * length).fill(1);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < Math.min(prefix.length, length); column++) {
      ids[row * length + column] = prefix[column]!;
      open[row * length + column] = 0;
    }
  }
  const revealStep = new Int32Array(rows * length).fill(-1);
  return { rows, length, ids, open, sequences, forwards: new Int32Array(rows), revealStep };
}

export function isFinished(canvas: Canvas): boolean {
  return !canvas.open.includes(1);
}

/** Flat open positions, ascending. */
export function openPositions(canvas: Canvas): Int32Array {
  const positions = new Int32Array(canvas.open.length);
  let count = 0;
  canvas.open.forEach((open, flat) => {
    if (open === 1) positions[count++] = flat;
  });
  return positions.slice(0, count);
}

/** Token ids of one row (a view). */
export function rowIds(canvas: Canvas, row: number): Int32Array {
  return canvas.ids.subarray(row * canvas.length, (row + 1) * canvas.length);
}
