// Choosing among candidates. Ties go to the lowest column.

/** Sizes of `parts` shares of `total` that differ by at most one, the larger first. */
export function evenSplit(total: number, parts: number): number[] {
  const share = Math.floor(total / parts);
  const larger = total % parts;
  return Array.from({ length: parts }, (_, i) => share + (i < larger ? 1 : 0));
}

/** Indices of the `count` largest scores, ascending. */
export function largest(scores: ArrayLike<number>, count: number): number[] {
  return Array.from(scores, (_, i) => i)
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .slice(0, count)
    .sort((a, b) => a - b);
}

/** Index of the smallest score, −1 if there is none. */
export function smallest(scores: ArrayLike<number>): number {
  let best = -1;
  for (let i = 0; i < scores.length; i++) if (best < 0 || scores[i]! < scores[best]!) best = i;
  return best;
}
