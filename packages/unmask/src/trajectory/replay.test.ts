import { describe, expect, it } from "vitest";
import type { Trajectory } from "./record.ts";
import { replay } from "./replay.ts";
import { kendallTau, trajectoryStats } from "./stats.ts";

const [mask, end] = [99, 0];
const trajectory: Trajectory = {
  sequence: 0,
  prompt_ids: [1, 2],
  //          given at 3; end at 4; 5 decoded behind the end; 6 filled
  token_ids: [5, 6, 7, 8, end, 9, end],
  given: [0, 0, 0, 1, 0, 0, 0],
  reveal_step: [0, 2, 0, -1, 2, 2, -1],
  confidence: [0.5, 1, 0.5, Number.NaN, 1, 1, Number.NaN],
  entropy: [1, 0, 1, Number.NaN, 0, 0, Number.NaN],
  forwards: 3,
  reward_passes: 0,
  fed_from: [0, 2, 2],
  fed_length: [9, 7, 7],
  cached: [0, 2, 2],
  finish_reason: "stop",
  seconds: 1,
};

describe("replay", () => {
  it("shows the canvas after each forward", () => {
    const frames = [...replay(trajectory, mask)];
    expect(frames.map(({ ids }) => [...ids])).toEqual([
      [5, mask, 7, 8, mask, mask, mask],
      [5, mask, 7, 8, mask, mask, mask],
      trajectory.token_ids,
    ]);
    expect(frames.map(({ revealed }) => revealed)).toEqual([[0, 2], [], [1, 4, 5]]);
    expect([...frames[0]!.open]).toEqual([0, 1, 0, 0, 1, 1, 1]);
    expect(frames[2]!.open).not.toContain(1);
  });
});

describe("trajectoryStats", () => {
  it("counts by hand", () => {
    expect(trajectoryStats(trajectory, [end])).toEqual({
      tokens: 4,
      forwards: 3,
      tokensPerForward: 4 / 3,
      largestStep: 3,
      emptyForwards: 1,
      leftToRight: kendallTau([0, 2, 0, 2, 2]),
      columnsFed: 23,
      columnsFedPerToken: 23 / 4,
      tokensBehindEnd: 1,
      meanConfidence: 0.8,
      meanEntropy: 0.4,
    });
  });

  it("says of the order what Kendall's tau-b says", () => {
    expect(kendallTau([0, 1, 2, 3])).toBe(1);
    expect(kendallTau([3, 2, 1, 0])).toBe(-1);
    expect(kendallTau([2, 2, 2])).toBe(0);
    expect(kendallTau([])).toBe(0);
    // Pairs: (0,2)+ (0,1)+ (2,1)−; no ties.
    expect(kendallTau([0, 2, 1])).toBeCloseTo(1 / 3, 12);
    // One tie of three pairs: 2 / √(3 · 2).
    expect(kendallTau([0, 1, 1])).toBeCloseTo(2 / Math.sqrt(6), 12);
  });
});
