import { describe, expect, it } from "vitest";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import { levelCount, levelSteps, linearWeights, nestedWeights, noLevel, pathLevels } from "./path-weights.ts";

const sum = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0);
const tokensOf = (length: number) => Array.from({ length }, (_, i) => 10 + i);

function weights(steps: number[], blockLength: number, k: number, tokens = tokensOf(steps.length)) {
  const levels = pathLevels(tokens, steps, { blockLength, k });
  return [...nestedWeights(levels, levelSteps(levels, levelCount(blockLength, k)))];
}

/** The published code's loops, over uniform losses of 1: how often each token counts. */
function byLoops(steps: number[], blockLength: number, k: number): number[] {
  const levels: number[][] = [];
  for (let s = 0; s < Math.ceil(blockLength / k); s++) {
    const level = new Set<number>();
    for (let start = 0; start < steps.length; start += blockLength) {
      const block = steps.slice(start, start + blockLength).map((step, i) => ({ step, index: start + i }));
      const valid = block.filter(({ step }) => step >= 0).sort((a, b) => a.step - b.step);
      for (const { index } of valid.slice(0, (s + 1) * k)) level.add(index);
    }
    if (level.size > 0) levels.push([...level]);
  }
  return steps.map((_, i) =>
    sum(levels.map((level) => (level.includes(i) ? 1 / level.length / levels.length : 0))),
  );
}

describe("nested path weights", () => {
  const twoBlocks = Array.from({ length: 16 }, (_, i) => i + 1);
  const byRank = (k: number) => weights(twoBlocks, 8, k).slice(0, 8);

  it("are the published constants for two full blocks of 8", () => {
    expect(byRank(4)).toEqual([...Array(4).fill(0.09375), ...Array(4).fill(0.03125)]);
    const four = [0.13021, 0.06771, 0.03646, 0.01562];
    byRank(2).forEach((weight, rank) => {
      expect(weight).toBeCloseTo(four[Math.floor(rank / 2)]!, 5);
    });
    expect(byRank(8)).toEqual(Array(8).fill(0.0625));
  });

  it("are uniform where a level is a block: T3D's k of 4 on blocks of 4", () => {
    expect(weights(twoBlocks, 4, 4)).toEqual(Array(16).fill(1 / 16));
  });

  it("are what loops over the levels give, and sum to 1, whatever the order, its ties and its gaps", () => {
    const next = mulberry32(11);
    for (let round = 0; round < 200; round++) {
      const [length, blockLength, k] = [
        1 + Math.floor(20 * next()),
        1 + Math.floor(9 * next()),
        1 + Math.floor(5 * next()),
      ];
      const steps = Array.from({ length }, () => Math.floor(12 * next()) - 3).map((step) =>
        Math.max(step, -1),
      );
      const found = weights(steps, blockLength, k);
      byLoops(steps, blockLength, k).forEach((weight, i) => {
        expect(found[i]).toBeCloseTo(weight, 12);
      });
      expect(sum(found)).toBeCloseTo(steps.some((step) => step >= 0) ? 1 : 0, 12);
    }
  });

  it("give ties to the lower position, and nothing to tokens without a step", () => {
    expect([...pathLevels(tokensOf(5), [3, 3, 3, -1, 1], { blockLength: 5, k: 2 })]).toEqual([
      0,
      1,
      1,
      noLevel,
      0,
    ]);
  });

  it("take in, as released, real tokens without a step at every level, and padding at none though it has a rank", () => {
    const released = { padId: 99, maskId: 98 };
    const levels = (tokens: number[], steps: number[]) => [
      ...pathLevels(tokens, steps, { blockLength: 4, k: 2, released }),
    ];
    expect(levels([1, 2, 3, 4, 5, 6], [2, 1, 4, -1, -1, -1])).toEqual([0, 0, 1, 0, noLevel, noLevel]);
    expect(levels([99, 2, 3, 4], [0, 1, 2, 3])).toEqual([noLevel, 0, 1, 1]);
    expect(levels([1, 2, 3, 4], [0, 1, -2, 3])).toEqual([0, 0, noLevel, 1]);
  });
});

describe("linear path weights", () => {
  it("fall from 1 to 1 / B over the steps that revealed something", () => {
    expect([...linearWeights([5, 0, 9, 9, -1, 2])]).toEqual([2 / 4, 1, 1 / 4, 1 / 4, 0, 3 / 4]);
    expect([...linearWeights([-1, -1])]).toEqual([0, 0]);
  });
});
