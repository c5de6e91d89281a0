// Forward noise on token ids, on the host.
//
// Absorbing: each position independently becomes the mask with probability 1 − alpha(t). Special tokens are
// treated like any other (MDLM's ignore_bos = false). Uniform: it becomes any token of the vocabulary, itself included.

export interface Corrupted {
  /** Token ids after noise, same layout as the clean ones. */
  ids: Int32Array;
  /** Flat indices (row · length + column) of the positions in the loss, ascending: with masks, the corrupted ones. */
  positions: Int32Array;
  /** Row of each of them. */
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

export interface UniformNoise {
  vocabularySize: number;
  /** Probability of noise of each row: 1 − alpha(t). */
  probabilities: ArrayLike<number>;
  /** One number a position: noise where it is below the probability; 1 where the token is given. */
  uniforms: ArrayLike<number>;
  /** One number in [0, 1) a position, of which the token is made. */
  choices: ArrayLike<number>;
}

/** Puts uniform noise on clean ids [rows, length]. Nobody is told where: all but given positions are in the loss. */
export function randomise(clean: Int32Array, length: number, noise: UniformNoise): Corrupted {
  const ids = Int32Array.from(clean);
  const positions: number[] = [];
  const rows: number[] = [];
  for (let flat = 0; flat < clean.length; flat++) {
    const uniform = noise.uniforms[flat]!;
    if (uniform >= 1) continue;
    const row = Math.floor(flat / length);
    positions.push(flat);
    rows.push(row);
    if (uniform < noise.probabilities[row]!)
      ids[flat] = Math.floor(noise.choices[flat]! * noise.vocabularySize);
  }
  return { ids, positions: Int32Array.from(positions), rows: Int32Array.from(rows) };
}
