// Which positions of a continuation are masked when its likelihood is estimated, and what their losses count.
//
// Under absorbing noise the NELBO of a text of L tokens is an average over orders of revealing (Uria et al. 2014;
// LLaDA, appendix B): with l drawn from 1..L and a set S of l positions drawn uniformly,
//
//   NELBO = E_l E_S  L / l · Σ_{i in S} −ln p(x_i | the rest)
//
// Draws share their random numbers between the choices of one question: number k of a question masks the l = ⌊u_k L⌋ + 1
// positions with the smallest uniforms, and the u_k are one stratified sample (u + k / draws modulo 1), so that few draws
// cover all amounts of noise. Where there are no more sets than draws, all 2^L − 1 are taken with their probabilities and
// nothing is left to chance; for one token that is one forward.

import { UsageError } from "../base/errors.ts";
import { fillUniform, streams, uniform } from "../base/rng.ts";

export interface MaskSet {
  /** Places in the continuation, rising. */
  readonly masked: readonly number[];
  /** What the sum of their losses counts. */
  readonly weight: number;
}

export interface MaskSets {
  readonly sets: readonly MaskSet[];
  /** All sets there are: no chance is left. */
  readonly isExact: boolean;
}

export interface DrawOptions {
  readonly draws: number;
  readonly seed: number;
  /** Number of the question: its choices share their draws. */
  readonly sequence: number;
}

export function maskSets(length: number, { draws, seed, sequence }: DrawOptions): MaskSets {
  if (!Number.isSafeInteger(draws) || draws < 1) {
    throw new UsageError(`draws is ${draws}; give a whole number of at least 1`, { draws });
  }
  if (length < 31 && 2 ** length - 1 <= draws) return { sets: allSets(length), isExact: true };
  const source = { seed, stream: streams.score };
  const offset = uniform(source, sequence, 0, 0);
  const uniforms = new Float64Array(length);
  const sets = Array.from({ length: draws }, (_, draw): MaskSet => {
    const count = Math.floor(((offset + draw / draws) % 1) * length) + 1;
    fillUniform(uniforms, source, sequence, draw + 1);
    const order = Array.from(uniforms.keys()).sort((a, b) => uniforms[a]! - uniforms[b]! || a - b);
    const masked = order.slice(0, count).sort((a, b) => a - b);
    return { masked, weight: length / count / draws };
  });
  return { sets, isExact: false };
}

/** Every set but the empty one; a set of l positions has the probability 1 / (L · C(L, l)). */
function allSets(length: number): MaskSet[] {
  const choose = binomials(length);
  return Array.from({ length: 2 ** length - 1 }, (_, index) => {
    const bits = index + 1;
    const masked = Array.from({ length }, (_unused, place) => place).filter((place) => (bits >> place) & 1);
    return { masked, weight: 1 / (masked.length * choose[masked.length]!) };
  });
}

function binomials(n: number): number[] {
  const row = [1];
  for (let k = 1; k <= n; k++) row.push((row[k - 1]! * (n - k + 1)) / k);
  return row;
}
