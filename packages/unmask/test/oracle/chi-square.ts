// Pearson's chi-square test, in float64.

/** Σ (observed − expected)² / expected over cells with probability; Infinity where the impossible happened. */
export function chiSquare(
  observed: readonly number[],
  probability: readonly number[],
): { statistic: number; degrees: number } {
  const total = observed.reduce((a, b) => a + b, 0);
  let statistic = 0;
  let cells = 0;
  observed.forEach((count, i) => {
    const expected = total * probability[i]!;
    if (expected === 0) {
      if (count > 0) statistic = Number.POSITIVE_INFINITY;
      return;
    }
    statistic += (count - expected) ** 2 / expected;
    cells++;
  });
  return { statistic, degrees: cells - 1 };
}

/** What chi-square exceeds with probability about 1e-4 (Wilson & Hilferty 1931): tests have a fixed seed anyway. */
export function chiSquareLimit(degrees: number): number {
  const z = 3.719;
  return degrees * (1 - 2 / (9 * degrees) + z * Math.sqrt(2 / (9 * degrees))) ** 3;
}

export function softmax(logits: readonly number[], temperature = 1): number[] {
  const largest = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp((logit - largest) / temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}
