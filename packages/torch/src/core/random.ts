// Random numbers with coordinates, on any device: a value depends only on (seed, stream, sequence, step, position),
// never on batch, worker, device or order of drawing.
//
// Generator: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), in int64 tensors.
// Contract, shared with the plain TypeScript one in unmask/base/rng and checked against it:
//   key     = (seed mod 2³², (seed div 2³²) xor (stream · 0x9E3779B9 mod 2³²))
//   counter = (position, step, sequence mod 2³², sequence div 2³²)
//   uniform = (word 0 >> 8) · 2⁻²⁴, exact in float32, in [0, 1)

import {
  arange,
  bitwiseAnd,
  bitwiseXor,
  expand,
  mul,
  shiftRight,
  toDtype,
  unsqueeze,
} from "../generated/ops.ts";
import { tensor } from "./create.ts";
import type { Device } from "./device.ts";
import { scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

const mask32 = 0xffffffff;
const multipliers = [0xd2511f53, 0xcd9e8d57] as const;
const weyl = [0x9e3779b9, 0xbb67ae85] as const;

/** Two 32-bit halves of a safe non-negative integer. */
function halves(value: number): [number, number] {
  return [value % 2 ** 32, Math.floor(value / 2 ** 32)];
}

/** Another number would silently get the random numbers of some other coordinate. */
function check(name: string, value: number, limit = 2 ** 53): number {
  if (Number.isSafeInteger(value) && value >= 0 && value < limit) return value;
  throw new RangeError(`random ${name} is ${value}; give an integer from 0 to ${limit - 1}`);
}

/** (high, low) 32-bit halves of multiplier · x; the int64 product wraps, and its bits are the unsigned ones. */
function multiply(x: Tensor, multiplier: number): [Tensor, Tensor] {
  const product = mul(x, multiplier);
  return [bitwiseAnd(shiftRight(product, 32), mask32), bitwiseAnd(product, mask32)];
}

/**
 * Philox4x32-10 on int64 tensors of one shape that hold 32-bit words; returns the four output words.
 */
export function philox(
  counter: readonly [Tensor, Tensor, Tensor, Tensor],
  key: readonly [number, number],
): Tensor[] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(c0, multipliers[0]);
    const [high1, low1] = multiply(c2, multipliers[1]);
    [c0, c1, c2, c3] = [
      bitwiseXor(bitwiseXor(high1, c1), k0),
      low1,
      bitwiseXor(bitwiseXor(high0, c3), k1),
      low0,
    ];
    k0 = (k0 + weyl[0]) % 2 ** 32;
    k1 = (k1 + weyl[1]) % 2 ** 32;
  }
  return [c0, c1, c2, c3];
}

export interface Coordinates {
  /** Safe non-negative integer. */
  seed: number;
  /** Which use of randomness (0 … 2³² − 1); two uses never share a stream. */
  stream: number;
  /** One identity per row: the global index of the example, say. */
  sequences: readonly number[];
  step: number;
}

/** Uniform float32 values [sequences, positions] in [0, 1), one per coordinate. */
export function uniformAt(coordinates: Coordinates, positions: number, device: Device = "cpu"): Tensor {
  return scope(() => {
    const [words] = wordsAt(coordinates, positions, device, 1);
    return mul(toDtype(shiftRight(words!, 8), "float32"), 2 ** -24);
  });
}

/**
 * The first `count` (1 … 4) Philox words [sequences, positions] as int64, one block per coordinate. Throws a
 * RangeError for a coordinate that is no integer of its range.
 */
export function wordsAt(
  coordinates: Coordinates,
  positions: number,
  device: Device,
  count: number,
): Tensor[] {
  return scope(() => {
    const { sequences } = coordinates;
    const stream = check("stream", coordinates.stream, 2 ** 32);
    const step = check("step", coordinates.step, 2 ** 32);
    for (const sequence of sequences) check("sequence", sequence);
    const [seedLow, seedHigh] = halves(check("seed", coordinates.seed));
    const key = [seedLow, (seedHigh ^ Math.imul(stream, weyl[0])) >>> 0] as const;
    const shape = [sequences.length, positions];
    const column = (values: number[]) =>
      expand(unsqueeze(tensor(values, undefined, { dtype: "int64", device }), 1), shape);
    const position = expand(unsqueeze(arange(0, positions, { dtype: "int64", device }), 0), shape);
    const [low, high] = [0, 1].map((half) => column(sequences.map((sequence) => halves(sequence)[half]!)));
    const counter = [position, column(sequences.map(() => step)), low!, high!] as const;
    return philox(counter, key).slice(0, count);
  });
}
