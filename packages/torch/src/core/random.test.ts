import { describe, expect, it } from "vitest";
import { tensor, toNested, toNumbers } from "./create.ts";
import { philox, uniformAt, wordsAt } from "./random.ts";
import { liveTensors } from "./system.ts";
import type { Tensor } from "./tensor.ts";

const word = (value: number): Tensor => tensor([value], undefined, { dtype: "int64" });
const block = (counter: readonly number[], key: readonly [number, number]): number[] =>
  philox(counter.map(word) as [Tensor, Tensor, Tensor, Tensor], key).map((one) => toNumbers(one)[0]!);

const ones = 0xffffffff;

describe("Philox4x32-10 on tensors", () => {
  // Known answers of Random123 1.14 (kat_vectors).
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [ones, ones, ones, ones],
      [ones, ones],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])("gives the known answer for counter %j", (counter, key, expected) => {
    expect(block(counter, key as [number, number])).toEqual(expected);
  });

  it("computes many counters at once as one at a time", () => {
    const counters = [
      [1, 2, 3, 4],
      [ones, 0, ones, 7],
      [0x80000000, 0x7fffffff, 5, 0xdeadbeef],
    ];
    const columns = [0, 1, 2, 3].map((i) =>
      tensor(
        counters.map((counter) => counter[i]!),
        undefined,
        { dtype: "int64" },
      ),
    );
    const together = philox(columns as [Tensor, Tensor, Tensor, Tensor], [9, ones]).map(toNumbers);
    counters.forEach((counter, row) => {
      expect(together.map((column) => column[row])).toEqual(block(counter, [9, ones]));
    });
  });
});

describe("uniformAt", () => {
  const base = { seed: 7, stream: 1, sequences: [3, 0, 2 ** 40 + 5], step: 2 };

  it("gives each row and position the number of its coordinates, whatever stands beside it", () => {
    const all = toNested(uniformAt(base, 6)) as number[][];
    base.sequences.forEach((sequence, row) => {
      const [alone] = toNested(uniformAt({ ...base, sequences: [sequence] }, 6)) as number[][];
      expect(alone).toEqual(all[row]);
      const [shorter] = toNested(uniformAt({ ...base, sequences: [sequence] }, 2)) as number[][];
      expect(shorter).toEqual(all[row]!.slice(0, 2));
    });
  });

  it("depends on every coordinate, also above 32 bits", () => {
    const first = (change: object) => toNumbers(uniformAt({ ...base, sequences: [3], ...change }, 4));
    const changes = [
      {},
      { seed: 8 },
      { seed: 7 + 2 ** 32 },
      { stream: 2 },
      { sequences: [4] },
      { sequences: [3 + 2 ** 32] },
      { step: 3 },
    ];
    const seen = new Set(changes.map((change) => first(change).join()));
    expect(seen.size).toBe(changes.length);
  });

  it("lies in [0, 1) with the moments of a uniform number, and is a multiple of 2^-24", () => {
    const values = toNumbers(uniformAt({ ...base, sequences: Array.from({ length: 40 }, (_, i) => i) }, 500));
    const mean = values.reduce((sum, u) => sum + u, 0) / values.length;
    const square = values.reduce((sum, u) => sum + u * u, 0) / values.length;
    // Standard errors over 20,000 numbers are 0.0020 and 0.0021.
    expect(Math.abs(mean - 1 / 2)).toBeLessThan(0.008);
    expect(Math.abs(square - 1 / 3)).toBeLessThan(0.009);
    expect(values.every((u) => u >= 0 && u < 1 && Number.isInteger(u * 2 ** 24))).toBe(true);
  });

  it("gives as many words as asked for, of the same block", () => {
    const words = wordsAt(base, 3, "cpu", 4).map((one) => toNested(one));
    expect(words).toHaveLength(4);
    expect(wordsAt(base, 3, "cpu", 2).map((one) => toNested(one))).toEqual(words.slice(0, 2));
  });

  it("takes no rows, and leaves only its result alive", () => {
    expect(uniformAt({ ...base, sequences: [] }, 4).shape).toEqual([0, 4]);
    const before = liveTensors().count;
    const result = uniformAt(base, 4);
    expect(liveTensors().count).toBe(before + 1);
    result.dispose();
  });

  it.each([
    [{ seed: -1 }, /seed .*-1/],
    [{ seed: 1.5 }, /seed .*1\.5/],
    [{ seed: 2 ** 53 }, /seed .*9007199254740992/],
    [{ sequences: [0, -2] }, /sequence .*-2/],
    [{ step: 2 ** 32 }, /step .*4294967296/],
    [{ stream: 0.5 }, /stream .*0\.5/],
  ])("refuses %j, which would silently share numbers with other coordinates", (change, message) => {
    expect(() => uniformAt({ ...base, ...change }, 2)).toThrow(message);
  });
});
