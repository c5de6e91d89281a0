import { describe, expect, it } from "vitest";
import { isUnmaskError } from "./errors.ts";
import { fillNormal, fillUniform, generator, permutation, philox, streams, uniform } from "./rng.ts";

const hex = (words: Uint32Array) => Array.from(words, (word) => word.toString(16).padStart(8, "0")).join(" ");
const source = { seed: 7, stream: streams.corruption } as const;

/** The same generator written with BigInt: the slow truth. */
function slowPhilox(counter: readonly number[], key: readonly number[]): number[] {
  const mask = 0xffffffffn;
  let [a, b, c, d] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k, l] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const first = 0xd2511f53n * a;
    const second = 0xcd9e8d57n * c;
    [a, b, c, d] = [(second >> 32n) ^ b ^ k, second & mask, (first >> 32n) ^ d ^ l, first & mask];
    k = (k + 0x9e3779b9n) & mask;
    l = (l + 0xbb67ae85n) & mask;
  }
  return [a, b, c, d].map(Number);
}

describe("philox", () => {
  it.each([
    [[0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      "408f276d 41c83b0e a20bc7c6 6d5451fd",
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      "d16cfe09 94fdcceb 5001e420 24126ea1",
    ],
  ])("gives Random123's known answer for counter %j", (counter, key, answer) => {
    expect(hex(philox(counter, key))).toBe(answer);
  });

  it("equals the BigInt version on 2,000 counters and keys", () => {
    let state = 12345;
    const next = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state;
    };
    for (let trial = 0; trial < 2000; trial++) {
      const counter = [next(), next(), next(), next()];
      const key = [next(), next()];
      expect(Array.from(philox(counter, key))).toEqual(slowPhilox(counter, key));
    }
  });
});

describe("uniform", () => {
  it("follows the written mapping of coordinates to key and counter", () => {
    const seed = 5 * 2 ** 32 + 4_000_000_000;
    const sequence = 3 * 2 ** 32 + 3_000_000_000;
    const mixed = Number((BigInt(streams.token) * 0x9e3779b9n) & 0xffffffffn);
    const key = [4_000_000_000, (5 ^ mixed) >>> 0];
    const word = slowPhilox([4_294_967_295, 9, 3_000_000_000, 3], key)[0]!;
    expect(uniform({ seed, stream: streams.token }, sequence, 9, 4_294_967_295)).toBe((word >>> 8) / 2 ** 24);
  });

  it("keeps its smoke-test number", () => {
    expect(uniform({ seed: 0, stream: streams.corruption }, 0, 0, 0)).toBe(0.8460088968276978);
  });

  it("is in [0, 1), exact in float32, with mean 1/2 and variance 1/12", () => {
    const values = new Float64Array(200_000);
    fillUniform(values, source, 0, 0);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(values.every((value) => value >= 0 && value < 1 && Math.fround(value) === value)).toBe(true);
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 / Math.sqrt(12 * values.length));
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.001);
  });

  it("gives the same numbers alone, in bulk, in parts and from the walking generator", () => {
    const whole = new Float32Array(40);
    fillUniform(whole, source, 11, 3);
    const part = new Float64Array(15);
    fillUniform(part, source, 11, 3, 25);
    const walk = generator({ ...source, sequence: 11, step: 3 });
    for (let position = 0; position < 40; position++) {
      const one = uniform(source, 11, 3, position);
      expect(whole[position]).toBe(one);
      expect(walk()).toBe(one);
      if (position >= 25) expect(part[position - 25]).toBe(one);
    }
  });

  it("changes with every coordinate", () => {
    const base = uniform(source, 1, 1, 1);
    const others = [
      uniform({ ...source, seed: 8 }, 1, 1, 1),
      uniform({ ...source, seed: 7 + 2 ** 32 }, 1, 1, 1),
      uniform({ ...source, stream: streams.time }, 1, 1, 1),
      uniform(source, 2, 1, 1),
      uniform(source, 1 + 2 ** 32, 1, 1),
      uniform(source, 1, 2, 1),
      uniform(source, 1, 1, 2),
    ];
    expect(new Set([base, ...others]).size).toBe(8);
  });

  it("gives every stream its own number", () => {
    expect(new Set(Object.values(streams)).size).toBe(Object.keys(streams).length);
  });

  it.each([
    ["seed", () => uniform({ ...source, seed: -1 }, 0, 0, 0), "-1"],
    ["seed", () => uniform({ ...source, seed: 2 ** 53 }, 0, 0, 0), "9007199254740992"],
    ["sequence", () => uniform(source, 0.5, 0, 0), "0.5"],
    ["step", () => uniform(source, 0, 2 ** 32, 0), "4294967296"],
    ["position", () => uniform(source, 0, 0, Number.NaN), "NaN"],
    ["position", () => fillUniform(new Float32Array(2), source, 0, 0, 2 ** 32 - 1), "4294967296"],
  ])("refuses a bad %s", (name, call, value) => {
    let caught: unknown;
    try {
      call();
    } catch (error) {
      caught = error;
    }
    expect(isUnmaskError(caught) && caught.message).toContain(`Random ${name} is ${value}`);
  });
});

describe("fillNormal", () => {
  it("has mean 0, variance 1, and the tails of a normal", () => {
    const values = new Float64Array(200_000);
    fillNormal(values, source, 0, 0);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
    const outside = values.filter((value) => Math.abs(value) > 1.959964).length / values.length;
    expect(values.every(Number.isFinite)).toBe(true);
    expect(Math.abs(mean)).toBeLessThan(0.01);
    expect(Math.abs(variance - 1)).toBeLessThan(0.015);
    expect(Math.abs(outside - 0.05)).toBeLessThan(0.002);
  });
});

describe("permutation", () => {
  it("holds every index once and depends on seed and epoch", () => {
    const order = permutation(1000, { seed: 1, stream: streams.shuffle }, 0);
    expect(Array.from(order).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 1000 }, (_, index) => index),
    );
    expect(permutation(1000, { seed: 1, stream: streams.shuffle }, 0)).toEqual(order);
    expect(permutation(1000, { seed: 1, stream: streams.shuffle }, 1)).not.toEqual(order);
    expect(permutation(1000, { seed: 2, stream: streams.shuffle }, 0)).not.toEqual(order);
  });

  it("handles the sizes 0, 1 and 2", () => {
    const of = (count: number) => Array.from(permutation(count, { seed: 1, stream: streams.shuffle }, 0));
    expect([of(0), of(1)]).toEqual([[], [0]]);
    expect(of(2).sort()).toEqual([0, 1]);
  });

  it("gives all 24 orders of four equally often (chi-square, 23 degrees, p > 0.001)", () => {
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < 24_000; epoch++) {
      const order = permutation(4, { seed: 3, stream: streams.shuffle }, epoch).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    const square = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(counts.size).toBe(24);
    expect(square).toBeLessThan(49.7);
  });
});

it("gives every stream a number of its own", () => {
  const numbers = Object.values(streams);
  expect(new Set(numbers).size).toBe(numbers.length);
});
