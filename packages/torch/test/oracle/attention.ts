// Attention and rotary positions in float64, one number at a time.

export type Matrix = readonly (readonly number[])[];

/** softmax(q kᵀ · scale + bias) v of one head: q [Q][D], k and v [K][D]. */
export function attentionOracle(
  { q, k, v }: { q: Matrix; k: Matrix; v: Matrix },
  scale: number,
  bias?: Matrix,
): number[][] {
  return q.map((query, row) => {
    const scores = k.map(
      (key, column) =>
        scale * key.reduce((sum, value, i) => sum + value * query[i]!, 0) + (bias?.[row]?.[column] ?? 0),
    );
    const largest = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - largest));
    const total = weights.reduce((a, b) => a + b, 0);
    return v[0]!.map((_, i) => weights.reduce((sum, weight, j) => sum + (weight / total) * v[j]![i]!, 0));
  });
}

/** Angle of pair i at a position, of E numbers a head. */
export const rotaryAngle = (position: number, pair: number, E: number, base = 10_000): number =>
  position * base ** ((-2 * pair) / E);

/** Rotates the pairs (x[i], x[i + E/2]) of one position's vector. */
export function rotateOracle(x: readonly number[], position: number): number[] {
  const half = x.length / 2;
  return x.map((value, i) => {
    const angle = rotaryAngle(position, i % half, x.length);
    const partner = i < half ? -x[i + half]! : x[i - half]!;
    return value * Math.cos(angle) + partner * Math.sin(angle);
  });
}
