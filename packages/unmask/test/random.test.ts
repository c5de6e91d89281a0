// The random numbers of tensors and those of plain TypeScript are one contract, bit for bit.

import { toNested, uniformAt, wordsAt } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { fillUniform, philox, streams, uniform } from "../src/base/rng.ts";

const seeds = [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 45 + 12345, Number.MAX_SAFE_INTEGER];
const sequences = [0, 1, 77, 2 ** 31, 2 ** 32 - 1, 2 ** 32 + 3, 2 ** 44 + 9, Number.MAX_SAFE_INTEGER];
const steps = [0, 1, 1000, 2 ** 31, 2 ** 32 - 1];

describe("random numbers on tensors and in plain TypeScript", () => {
  it.each(seeds)("are the same for seed %s and all sequences, steps and streams", (seed) => {
    for (const [i, step] of steps.entries()) {
      const stream = Object.values(streams)[i]!;
      const onTensors = toNested(uniformAt({ seed, stream, sequences, step }, 5)) as number[][];
      const plain = sequences.map((sequence) =>
        Array.from({ length: 5 }, (_, position) => uniform({ seed, stream }, sequence, step, position)),
      );
      expect(onTensors).toEqual(plain);
      const filled = new Float32Array(5);
      fillUniform(filled, { seed, stream }, sequences[6]!, step);
      expect([...filled]).toEqual(onTensors[6]);
    }
  });

  it("are the same in all four words of a block", () => {
    const [seed, stream] = [2 ** 40 + 3, streams.token];
    const words = wordsAt({ seed, stream, sequences: [2 ** 33 + 1], step: 9 }, 3, "cpu", 4);
    const key = [3, ((2 ** 8) ^ Math.imul(stream, 0x9e3779b9)) >>> 0];
    for (let position = 0; position < 3; position++) {
      const expected = [...philox([position, 9, 1, 2], key)];
      expect(words.map((word) => (toNested(word) as number[][])[0]![position])).toEqual(expected);
    }
  });
});
