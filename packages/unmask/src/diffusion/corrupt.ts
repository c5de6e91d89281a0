// Forward noise on token ids, on the host.
//
// Absorbing: each position independently becomes the mask with probability 1 − alpha(t). Special tokens are
// treated like any other (MDLM's ignore_bos = false).

export interface Corrupted {
  /** Token ids after noise, same layout as the clean ones. */
  ids: Int32Array;
  /** Flat indices (row · length + column) of the corrupted positions, ascending. */
  positions: Int32Array;
  /** Row of each corrupted position. */
  rows: Int32Array;
}

export interface AbsorbingNoise {
  maskId: number;
  /** Probability of corruption of each row: 1 − alpha(t). */
  probabilities: ArrayLike<number>;
  /** One uniform number in [0, 1) per position; corrupted where uniform < probability. */
  uniforms: ArrayLike<number>;
}

/** Corrupts clean ids [rows, length] given flat; does not touch its input. */
export function absorb(clean: Int32Array, length: number, noise: AbsorbingNoise): Corrupted {
  const ids = Int32Array.from(clean);
  const positions: number[] = [];
  const rows: number[] = [];
  for (let flat = 0; flat < clean.length; flat++) {
    const row = Math.floor(flat / length);
    if (noise.uniforms[flat]! >= noise.probabilities[row]!) continue;
    ids[flat] = noise.maskId;
    positions.push(flat);
    rows.push(row);
  }
  return { ids, positions: Int32Array.from(positions), rows: Int32Array.from(rows) };
}
