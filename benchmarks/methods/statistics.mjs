// @ts-check
// Intervals over seeds and prompts: a student's score is drawn twice, once with the seed that trained it, once with the
// prompts that it was asked. A two-level bootstrap draws seeds with replacement, then prompts with replacement (the same
// ones for every seed drawn), and takes percentiles.

/**
 * @param {readonly (readonly number[])[]} scores by seed, then by prompt: the same prompts in the same order
 * @param {{ resamples?: number, level?: number, seed?: number }} [options]
 */
export function twoLevelInterval(scores, { resamples = 2000, level = 0.95, seed = 1 } = {}) {
  const uniform = mulberry(seed);
  const prompts = scores[0]?.length ?? 0;
  /** @type {number[]} */
  const means = [];
  for (let r = 0; r < resamples; r++) {
    const drawn = scores.map(() => scores[Math.floor(uniform() * scores.length)] ?? []);
    let sum = 0;
    for (let p = 0; p < prompts; p++) {
      const at = Math.floor(uniform() * prompts);
      for (const one of drawn) sum += one[at] ?? Number.NaN;
    }
    means.push(sum / (prompts * drawn.length));
  }
  means.sort((a, b) => a - b);
  const quantile = (/** @type {number} */ share) =>
    means[Math.min(resamples - 1, Math.max(0, Math.round(share * (resamples - 1))))] ?? Number.NaN;
  return { low: quantile((1 - level) / 2), high: quantile((1 + level) / 2) };
}

/** @param {readonly number[]} values */
export const mean = (values) => values.reduce((sum, one) => sum + one, 0) / values.length;

/**
 * Small generator of uniform numbers: resampling needs no more.
 * @param {number} seed
 */
function mulberry(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * How varied texts are: share of distinct ones, nats a word of the pooled words, and nats a word at each place, averaged
 * over places (a collapse to one text has 0).
 * @param {readonly string[]} texts
 */
export function diversity(texts) {
  const rows = texts.map((text) => text.split(" ").filter((word) => word !== ""));
  const longest = Math.max(0, ...rows.map((row) => row.length));
  const places = Array.from({ length: longest }, (_, place) =>
    entropy(rows.flatMap((row) => (place < row.length ? [row[place] ?? ""] : []))),
  );
  return {
    distinct: new Set(texts).size / texts.length,
    entropy: entropy(rows.flat()),
    entropyByPlace: mean(places),
  };
}

/** @param {readonly string[]} words */
function entropy(words) {
  const counts = new Map();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  let nats = 0;
  for (const count of counts.values()) nats -= (count / words.length) * Math.log(count / words.length);
  return nats;
}
