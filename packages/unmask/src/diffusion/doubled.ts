// Training of block diffusion on a doubled sequence: prompt ‖ clean response ‖ noisy response. One forward gives what
// as many forwards as there are blocks would give: every noisy block sees the clean text before it, and itself.
// Reference for parity: Tyrion58/T3D 330e9c6, train/prepare.py (make_basic_block_attention, process_pad).
//
//   query            sees
//   prompt           prompt blocks up to its own, counted backwards from the prompt's end
//   clean, block j   the prompt, clean blocks ≤ j
//   noisy, block j   the prompt, clean blocks < j, noisy block j
//
// Positions: the first real token has 0, padding 1, the noisy response repeats the clean one's.
//
// Alignment. A block-causal network counts its blocks from the first token of the text, and decodes the prompt's tail
// in one block with the first tokens of the response. "corrected" does so here too: the response's columns begin at
// the last block's edge in the prompt, and the tail stands there as given tokens, in both copies. "released" begins
// them at the prompt's end, as the published code does, so that the network is trained on blocks that decoding cuts
// elsewhere, unless the prompt is a multiple of the block. With a whole number of blocks the two are one.
//
// Columns: L0 of the prompt, L1 of the response, N = L0 + 2 L1.

export const alignments = ["corrected", "released"] as const;
export type Alignment = (typeof alignments)[number];

export interface DoubledShape {
  /** L0. Padding of shorter prompts stands on the left. */
  readonly promptColumns: number;
  /** L1. */
  readonly responseColumns: number;
  readonly blockLength: number;
}

/** How many of a prompt's tokens stand in the prompt's columns; the rest lead the response as given tokens. */
export function promptShare(promptLength: number, blockLength: number, alignment: Alignment): number {
  return alignment === "released" ? promptLength : promptLength - (promptLength % blockLength);
}

export const doubledLength = ({ promptColumns, responseColumns }: DoubledShape): number =>
  promptColumns + 2 * responseColumns;

/** [N, N], 1 where the query sees the key; padding not regarded. */
export function doubledStructure(shape: DoubledShape): Uint8Array {
  const { promptColumns: L0, responseColumns: L1, blockLength } = shape;
  const length = doubledLength(shape);
  const allowed = new Uint8Array(length * length);
  const show = (query: number, from: number, to: number) =>
    allowed.fill(1, query * length + from, query * length + to);
  for (let query = 0; query < L0; query++) {
    show(query, 0, L0 - blockLength * Math.floor((L0 - 1 - query) / blockLength));
  }
  for (let i = 0; i < L1; i++) {
    const begin = blockLength * Math.floor(i / blockLength);
    const end = Math.min(begin + blockLength, L1);
    show(L0 + i, 0, L0 + end);
    show(L0 + L1 + i, 0, L0 + begin);
    show(L0 + L1 + i, L0 + L1 + begin, L0 + L1 + end);
  }
  return allowed;
}

/**
 * [B, N, N]: the structure, less padding (`real` [B, L0], 0 there), which nobody sees. A query that would see nothing
 * sees itself. A network is given structure and padding apart; no real query sees another thing then.
 */
export function doubledVisibility(shape: DoubledShape, real: ArrayLike<number>): Uint8Array {
  const { promptColumns: L0 } = shape;
  const length = doubledLength(shape);
  const structure = doubledStructure(shape);
  const rows = L0 === 0 ? 1 : real.length / L0;
  const allowed = new Uint8Array(rows * structure.length);
  for (let row = 0; row < rows; row++) {
    const one = allowed.subarray(row * structure.length, (row + 1) * structure.length);
    one.set(structure);
    for (let query = 0; query < length; query++) {
      const line = one.subarray(query * length, (query + 1) * length);
      for (let key = 0; key < L0; key++) if (real[row * L0 + key] === 0) line[key] = 0;
      if (!line.includes(1)) line[query] = 1;
    }
  }
  return allowed;
}

/** [B, N]: places for the rotary positions, for `rows` rows of prompt flags `real` [B, L0]. */
export function doubledPositions(shape: DoubledShape, real: ArrayLike<number>, rows: number): Int32Array {
  const { promptColumns: L0, responseColumns: L1 } = shape;
  const length = doubledLength(shape);
  const places = new Int32Array(rows * length);
  for (let row = 0; row < rows; row++) {
    const own = places.subarray(row * length, (row + 1) * length);
    let next = 0;
    for (let column = 0; column < L0; column++) own[column] = real[row * L0 + column] === 0 ? 1 : next++;
    for (let i = 0; i < L1; i++) {
      own[L0 + i] = next + i;
      own[L0 + L1 + i] = next + i;
    }
  }
  return places;
}
