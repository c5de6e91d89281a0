// Random numbers with coordinates: Philox4x32-10 (Salmon et al., SC 2011; known answers from Random123 1.14).
//
// A number depends on (seed, stream, sequence, step, position) and on nothing else: not on batch, worker or order.
// The mapping is a contract; the tensor implementation reproduces it bit for bit:
//
//   key     = ( seed mod 2^32,  floor(seed / 2^32) XOR (stream * 0x9E3779B9 mod 2^32) )
//   counter = ( position, step, sequence mod 2^32, floor(sequence / 2^32) )
//   output  = four 32-bit words w0..w3
//   uniform = (w0 >>> 8) * 2^-24                     in [0, 1), exact in float32
//   normal  = sqrt(-2 ln(((w0 >>> 8) + 1) * 2^-24)) * cos(2 pi (w1 >>> 8) * 2^-24)     one per position
//   fine    = ((w0 >>> 5) * 2^26 + (w1 >>> 6)) * 2^-53      53 bits, for integers; used by `permutation`
//
// seed and sequence are non-negative safe integers, step and position 32-bit unsigned. A stream number, once given,
// never changes its meaning. `permutation` is Fisher-Yates from the top: for i = n-1 .. 1, swap i with
// floor(fine(sequence = epoch, step = 0, position = n-1-i) * (i+1)).
// Smoke test: uniform({seed: 0, stream: streams.corruption}, 0, 0, 0) = 0.8460088968276978.
import { UsageError } from "./errors.ts";

export const streams = {
  corruption: 1,
  time: 2,
  shuffle: 3,
  initialise: 4,
  dropout: 5,
  token: 6,
  reveal: 7,
  story: 8,
  resample: 9,
  files: 10,
  score: 11,
} as const;

export type StreamName = keyof typeof streams;
export type Stream = (typeof streams)[StreamName];

export interface RandomSource {
  readonly seed: number;
  readonly stream: Stream;
}

export interface Coordinates extends RandomSource {
  readonly sequence: number;
  readonly step: number;
}

type Words = ArrayLike<number>;

const two32 = 2 ** 32;
const unit24 = 2 ** -24;

/** Upper 32 bits of the product of two unsigned 32-bit numbers. */
function highProduct(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = Math.imul(aLow, bLow) >>> 0;
  const middle = (Math.imul(aHigh, bLow) >>> 0) + (low >>> 16); // at most 2^32 - 2^16
  const cross = (Math.imul(aLow, bHigh) >>> 0) + (middle & 0xffff);
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (cross >>> 16)) | 0;
}

/** Ten rounds; reads counter c0..c3 and key k0, k1, writes the four output words (as int32) to `out`. */
function block(out: Int32Array, counter: Words, key: Words): void {
  let c0 = counter[0]! | 0;
  let c1 = counter[1]! | 0;
  let c2 = counter[2]! | 0;
  let c3 = counter[3]! | 0;
  let k0 = key[0]! | 0;
  let k1 = key[1]! | 0;
  for (let round = 0; round < 10; round++) {
    const high0 = highProduct(0xd2511f53, c0);
    const high1 = highProduct(0xcd9e8d57, c2);
    const low0 = Math.imul(0xd2511f53, c0);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** The bare generator: four counter words and two key words to four output words. */
export function philox(counter: Words, key: Words): Uint32Array {
  const out = new Int32Array(4);
  block(out, counter, key);
  return new Uint32Array(out.buffer);
}

function checked(name: string, value: number, limit: number): number {
  if (Number.isSafeInteger(value) && value >= 0 && value < limit) return value;
  const range = limit === two32 ? "0 to 4294967295" : "0 to 9007199254740991";
  throw new UsageError(`Random ${name} is ${value}; give an integer from ${range}`, { [name]: value });
}

const safe = Number.MAX_SAFE_INTEGER + 1;

function keyOf({ seed, stream }: RandomSource): Int32Array {
  checked("seed", seed, safe);
  return Int32Array.of((seed % two32) | 0, Math.floor(seed / two32) ^ Math.imul(stream, 0x9e3779b9));
}

function counterOf(sequence: number, step: number, position: number): Int32Array {
  checked("sequence", sequence, safe);
  checked("step", step, two32);
  checked("position", position, two32);
  return Int32Array.of(position | 0, step | 0, (sequence % two32) | 0, Math.floor(sequence / two32));
}

/** Calls `use(words, index)` for `count` positions from the counter's own one on; `words` is reused. */
function walk(
  [counter, key]: readonly [Int32Array, Int32Array],
  count: number,
  use: (w: Int32Array, i: number) => void,
) {
  const words = new Int32Array(4);
  checked("position", (counter[0]! >>> 0) + Math.max(0, count - 1), two32);
  for (let index = 0; index < count; index++) {
    block(words, counter, key);
    use(words, index);
    counter[0] = (counter[0]! + 1) | 0;
  }
}

const fineOf = (words: Int32Array): number => ((words[0]! >>> 5) * 2 ** 26 + (words[1]! >>> 6)) * 2 ** -53;

export function uniform(source: RandomSource, sequence: number, step: number, position: number): number {
  const words = new Int32Array(4);
  block(words, counterOf(sequence, step, position), keyOf(source));
  return (words[0]! >>> 8) * unit24;
}

type Floats = Float32Array | Float64Array;

/** out[i] = uniform(source, sequence, step, firstPosition + i) */
export function fillUniform(
  out: Floats,
  source: RandomSource,
  sequence: number,
  step: number,
  firstPosition = 0,
): void {
  walk([counterOf(sequence, step, firstPosition), keyOf(source)], out.length, (words, index) => {
    out[index] = (words[0]! >>> 8) * unit24;
  });
}

/** Standard normal numbers, one per position. Last bits depend on the machine's log and cos. */
export function fillNormal(
  out: Floats,
  source: RandomSource,
  sequence: number,
  step: number,
  firstPosition = 0,
): void {
  walk([counterOf(sequence, step, firstPosition), keyOf(source)], out.length, (words, index) => {
    const radius = Math.sqrt(-2 * Math.log(((words[0]! >>> 8) + 1) * unit24));
    out[index] = radius * Math.cos(2 * Math.PI * (words[1]! >>> 8) * unit24);
  });
}

/** A function that gives uniform(...) at position 0, 1, 2, ...; for host code that draws one number after another. */
export function generator({ sequence, step, ...source }: Coordinates): () => number {
  const words = new Int32Array(4);
  const counter = counterOf(sequence, step, 0);
  const key = keyOf(source);
  return () => {
    block(words, counter, key);
    counter[0] = (counter[0]! + 1) | 0;
    return (words[0]! >>> 8) * unit24;
  };
}

/** The numbers 0 .. count-1 in an order that depends on (seed, stream, epoch) alone. */
export function permutation(count: number, source: RandomSource, epoch: number): Uint32Array {
  checked("count", count, two32);
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  walk([counterOf(epoch, 0, 0), keyOf(source)], count - 1, (words, index) => {
    const last = count - 1 - index;
    const other = Math.floor(fineOf(words) * (last + 1));
    const kept = order[last]!;
    order[last] = order[other]!;
    order[other] = kept;
  });
  return order;
}
