// Noise along a recorded order of revelation (T3D): in every block a share of the tokens is hidden, by when the teacher
// revealed them. Reference for parity: Tyrion58/T3D 330e9c6, train/prepare.py (collect_training_data).
//
//   order "latest"    hides what was revealed last: states that the teacher's decoder really visited
//   order "earliest"  hides what was revealed first, as the published code does, against its paper
//   order "random"    a random subset of the block, padding included
//
// Of a block with n revealed tokens ⌊ratio · n⌋ are hidden; ties of the order go to the lower position. Tokens that
// were never revealed are not touched. Of what is hidden a share gets a random token instead of the mask.

export const corruptionOrders = ["latest", "earliest", "random"] as const;
export type CorruptionOrder = (typeof corruptionOrders)[number];

export interface TraceOptions {
  readonly blockLength: number;
  /** Share of a block that is hidden. */
  readonly ratio: number;
  readonly order: CorruptionOrder;
  /** Reveal step of each token, anything below 0 (or missing at the end) for never; not needed by "random". */
  readonly steps?: ArrayLike<number> | undefined;
  /** A random order of 0 … count − 1, for "random"; called block by block. */
  readonly permute?: ((count: number) => ArrayLike<number>) | undefined;
  /** The published code's rounding: 0.7 as float32 is less, and takes 6 of 10. */
  readonly released?: boolean | undefined;
}

/** Indices of the hidden tokens of a response, ascending. */
export function hiddenByTrace(length: number, options: TraceOptions): number[] {
  const hidden: number[] = [];
  for (let start = 0; start < length; start += options.blockLength) {
    const size = Math.min(options.blockLength, length - start);
    hidden.push(...candidates(start, size, options));
  }
  return hidden.sort((a, b) => a - b);
}

function candidates(start: number, size: number, options: TraceOptions): number[] {
  const { order, permute, steps } = options;
  const inBlock = Array.from({ length: size }, (_, i) => start + i);
  if (order === "random") {
    if (permute === undefined) throw new RangeError("a random order needs `permute`");
    const shuffled = Array.from(permute(size), (i) => start + i);
    return shuffled.slice(0, quota(size, options));
  }
  const stepOf = (index: number): number => steps?.[index] ?? -1;
  const direction = order === "latest" ? -1 : 1;
  const revealed = inBlock.filter((index) => stepOf(index) >= 0);
  // Array.sort is stable: equal steps stay in the order of their positions.
  revealed.sort((a, b) => direction * (stepOf(a) - stepOf(b)));
  return revealed.slice(0, quota(revealed.length, options));
}

/** ⌊ratio · count⌋; a product that misses an integer by rounding alone is that integer. */
function quota(count: number, { ratio, released = false }: TraceOptions): number {
  if (released) return Math.floor(Math.fround(ratio) * count);
  return Math.floor(ratio * count + 1e-9);
}

/** Probabilities of mask ratios: ratio^exponent over their sum. */
export function ratioProbabilities(ratios: readonly number[], exponent: number): number[] {
  const powers = ratios.map((ratio) => ratio ** exponent);
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

/** How many of `count` hidden tokens get a random token: at least one, where there are any to be had. */
export function randomShare(count: number, share: number): number {
  return share > 0 && count > 0 ? Math.max(1, Math.floor(share * count)) : 0;
}

export interface HiddenTokens {
  readonly maskId: number;
  /** Index of a hidden token (among the hidden, ascending) -> random token in the mask's place. */
  readonly random?: ReadonlyMap<number, number> | undefined;
}

/** A copy of the response with `hidden` (ascending) replaced. */
export function hide(
  response: ArrayLike<number>,
  hidden: readonly number[],
  { maskId, random }: HiddenTokens,
): Int32Array {
  const noisy = Int32Array.from(response);
  hidden.forEach((index, i) => {
    noisy[index] = random?.get(i) ?? maskId;
  });
  return noisy;
}

/** The hidden tokens that are supervised: all, but of those that are `padId` only the first `limit`. */
export function supervised(
  response: ArrayLike<number>,
  hidden: readonly number[],
  { padId, limit = Number.POSITIVE_INFINITY }: { padId: number; limit?: number | undefined },
): number[] {
  let pads = 0;
  return hidden.filter((index) => response[index] !== padId || ++pads <= limit);
}
