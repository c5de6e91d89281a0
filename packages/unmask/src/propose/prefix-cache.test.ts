import { empty, keep, liveTensors, noGrad, scope, tensor, toNumbers } from "@unmask/torch";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeyValueCache } from "../models/parts/cache.ts";
import { PrefixCache } from "./prefix-cache.ts";

const shape = {
  layers: 2,
  rows: 1,
  keyHeads: 1,
  headSize: 1,
  capacity: 4,
  dtype: "float32",
  device: "cpu",
} as const;
/** Bytes of a chunk of 16 columns: layers · (keys and values) · float32. */
const chunkBytes = 16 * 2 * 2 * 4;

/** A cache whose keys are the ids themselves, and values their negatives. */
function cacheOf(ids: Int32Array): KeyValueCache {
  const cache = new KeyValueCache(shape);
  scope(() =>
    noGrad(() => {
      for (let layer = 0; layer < shape.layers; layer++) {
        const numbers = (sign: number) =>
          tensor(
            Float32Array.from(ids, (id) => sign * id),
            [1, 1, ids.length, 1],
          );
        cache.write(layer, 0, { keys: numbers(1), values: numbers(-1) });
      }
    }),
  );
  cache.advance(0, ids.length, ids.length);
  return cache;
}
const keysOf = (cache: KeyValueCache, layer = 1): number[] => scope(() => toNumbers(cache.layer(layer).keys));

const textOf = (...parts: [count: number, from: number][]): Int32Array =>
  Int32Array.from(parts.flatMap(([count, from]) => Array.from({ length: count }, (_, i) => from + i)));

let before = 0;
beforeEach(() => {
  keep(empty([1])).dispose();
  before = liveTensors().count;
});
afterEach(() => expect(liveTensors().count).toBe(before));

/** Stores each text, then asks how many columns of `asked` are found. */
function found(
  capacity: number,
  stored: Int32Array[],
  asked: Int32Array,
  limit = asked.length,
  blockLength = 4,
): number {
  const prefixes = new PrefixCache(capacity);
  for (const ids of stored) {
    const cache = cacheOf(ids);
    prefixes.store(cache, ids, 4);
    cache.dispose();
    expect(prefixes.bytes).toBeLessThanOrEqual(capacity);
  }
  const cache = new KeyValueCache(shape);
  const columns = prefixes.fill(cache, asked, { blockLength, limit });
  expect(cache.length).toBe(columns);
  expect(keysOf(cache)).toEqual([...asked.subarray(0, columns)]);
  cache.dispose();
  prefixes.dispose();
  return columns;
}

describe("PrefixCache", () => {
  const text = textOf([50, 100]);

  it("finds whole chunks of the same beginning, and what stands in them", () => {
    expect(found(1e6, [text], text)).toBe(48);
    expect(found(1e6, [text], text, 40)).toBe(32);
    expect(found(1e6, [text], textOf([40, 100], [20, 7]))).toBe(32);
    expect(found(1e6, [text], text.subarray(1))).toBe(0);
    expect(found(1e6, [], text)).toBe(0);
  });

  it("tells a chunk by what stands before it, and blocks by their length", () => {
    const same = textOf([16, 500], [16, 100]);
    expect(found(1e6, [text, same], textOf([16, 100], [16, 100]))).toBe(16);
    expect(found(1e6, [text], text, 50, 2)).toBe(0);
  });

  it("lets the least recently used go, a text's end before its beginning", () => {
    const [first, second] = [textOf([32, 0]), textOf([32, 1000])];
    expect(found(3 * chunkBytes, [first, second], first)).toBe(16);
    expect(found(3 * chunkBytes, [first, second], second)).toBe(32);
    // The first is used again before the third comes.
    expect(found(4 * chunkBytes, [first, second, first, textOf([16, 9000])], first)).toBe(32);
  });

  it("holds the beginning of a text that is larger than all of it, and nothing without room", () => {
    expect(found(2 * chunkBytes, [text], text)).toBe(32);
    expect(found(chunkBytes - 1, [text], text)).toBe(0);
  });
});
