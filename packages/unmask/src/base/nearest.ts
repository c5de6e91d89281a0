// "Did you mean ...?" by Damerau-Levenshtein distance (optimal string alignment: insert, delete, replace, swap of two
// neighbours, each costs 1, and no part is edited twice).
//
// `nearest` ignores case and treats `-` and `_` alike, so that `Max-New-Tokens` finds `max_new_tokens`. A candidate
// counts only if its distance is at most a third of the longer word's length (at least 1); ties go to the candidate
// that stands first. An empty word has no nearest. Smoke test: distance("ca", "abc") = 3, distance("ab", "ba") = 1.

export function distance(first: string, second: string): number {
  const a = Array.from(first);
  const b = Array.from(second);
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      let best = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + same);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) best = Math.min(best, beforeLast[column - 2]! + 1);
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}

export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll("-", "_");
  if (word === "") return undefined;
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const found = distance(plain(word), plain(candidate));
    const allowed = Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3));
    if (found <= allowed && found < bestDistance) {
      best = candidate;
      bestDistance = found;
    }
  }
  return best;
}

/** The tail of a message: ` (did you mean "x"?)`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const found = nearest(word, candidates);
  return found === undefined ? "" : ` (did you mean "${found}"?)`;
}
