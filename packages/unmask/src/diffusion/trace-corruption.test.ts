import { describe, expect, it } from "vitest";
import { hiddenByTrace, hide, randomShare, ratioProbabilities, supervised } from "./trace-corruption.ts";

const steps = [2, 4, 3, 1, 8, 6, 5, 7, 9];
const trace = { blockLength: 4, ratio: 0.5, steps };

describe("hiddenByTrace", () => {
  it("hides of each block what was revealed last, or first", () => {
    expect(hiddenByTrace(9, { ...trace, order: "latest" })).toEqual([1, 2, 4, 7]);
    expect(hiddenByTrace(9, { ...trace, order: "earliest" })).toEqual([0, 3, 5, 6]);
    expect(hiddenByTrace(9, { ...trace, ratio: 1, order: "latest" })).toHaveLength(9);
  });

  it("leaves visible a state of the decoder: whatever is visible was revealed before all that is hidden", () => {
    for (const ratio of [0.25, 0.5, 0.75]) {
      const hidden = hiddenByTrace(8, { ...trace, ratio, order: "latest" });
      for (const start of [0, 4]) {
        const inBlock = [0, 1, 2, 3].map((i) => start + i);
        const visible = inBlock.filter((i) => !hidden.includes(i)).map((i) => steps[i]!);
        const closed = inBlock.filter((i) => hidden.includes(i)).map((i) => steps[i]!);
        expect(Math.max(...visible)).toBeLessThan(Math.min(...closed));
      }
    }
  });

  it("breaks ties by position and passes over what was never revealed", () => {
    expect(hiddenByTrace(4, { ...trace, steps: [1, 1, 1, 1], order: "latest" })).toEqual([0, 1]);
    expect(hiddenByTrace(8, { ...trace, steps: [3, -1, 2, 1, 9], ratio: 1, order: "latest" })).toEqual([
      0, 2, 3, 4,
    ]);
  });

  it("takes 7 of 10 at 0.7, and 6 as released", () => {
    const ten = { blockLength: 10, ratio: 0.7, steps: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] };
    expect(hiddenByTrace(10, { ...ten, order: "latest" })).toHaveLength(7);
    expect(hiddenByTrace(10, { ...ten, order: "latest", released: true })).toHaveLength(6);
    expect(hiddenByTrace(10, { ...ten, order: "latest", ratio: 0.3 })).toHaveLength(3);
  });

  it("takes the first of a permutation at random", () => {
    const permute = (count: number) => Array.from({ length: count }, (_, i) => (i + 2) % count);
    expect(hiddenByTrace(6, { ...trace, order: "random", permute })).toEqual([2, 3, 4]);
    expect(() => hiddenByTrace(6, { ...trace, order: "random" })).toThrow("permute");
  });
});

describe("hidden tokens", () => {
  it("become masks or random tokens, at least one of them where any share is asked for", () => {
    expect([...hide([5, 6, 7, 8], [1, 3], { maskId: 9, random: new Map([[1, 4]]) })]).toEqual([5, 9, 7, 4]);
    expect([randomShare(12, 0.1), randomShare(3, 0.1), randomShare(0, 0.1), randomShare(12, 0)]).toEqual([
      1, 1, 0, 0,
    ]);
  });

  it("are supervised, but of padding only the first few", () => {
    expect(supervised([1, 0, 0, 0], [0, 1, 2, 3], { padId: 0, limit: 2 })).toEqual([0, 1, 2]);
    expect(supervised([1, 0, 0, 0], [0, 1, 2, 3], { padId: 0 })).toEqual([0, 1, 2, 3]);
    expect(supervised([1, 0, 0, 0], [0, 1, 2, 3], { padId: 0, limit: 0 })).toEqual([0]);
  });
});

it("draws mask ratios by their power", () => {
  const found = ratioProbabilities([1, 0.5], 2);
  expect(found).toEqual([0.8, 0.2]);
});
