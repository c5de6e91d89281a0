// What can be said of texts without a judge: how even and how varied their tokens are. A low perplexity is cheap for a
// text that repeats itself; these numbers show it.

/** Entropy in nats of a text's own token frequencies: 0 for one token repeated, ln(length) where none is. */
export function unigramEntropy(ids: ArrayLike<number | string>): number {
  const counts = new Map<number | string, number>();
  for (const id of Array.from(ids)) counts.set(id, (counts.get(id) ?? 0) + 1);
  let entropy = 0;
  for (const count of counts.values()) {
    const share = count / ids.length;
    entropy -= share * Math.log(share);
  }
  return entropy + 0; // no minus zero
}

/** Mean over texts; NaN without any. */
export function meanEntropy(texts: readonly ArrayLike<number>[]): number {
  return texts.reduce((sum, ids) => sum + unigramEntropy(ids), 0) / texts.length;
}

/**
 * distinct-n (Li et al. 2016): different n-grams of all texts together, as a share of all. It falls with the amount of
 * text, so compare equal amounts. NaN where no text has n tokens.
 */
export function distinct(texts: readonly ArrayLike<number>[], n: number): number {
  const seen = new Set<string>();
  let total = 0;
  for (const text of texts) {
    const ids = Array.from(text);
    for (let at = 0; at + n <= ids.length; at++) {
      seen.add(ids.slice(at, at + n).join(" "));
      total++;
    }
  }
  return seen.size / total;
}
