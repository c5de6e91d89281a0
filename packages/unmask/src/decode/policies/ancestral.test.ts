import { describe, expect, it } from "vitest";
import { chiSquare, chiSquareLimit } from "../../../test/oracle/chi-square.ts";
import { logLinear } from "../../diffusion/schedule.ts";
import { type Canvas, newCanvas, openPositions } from "../canvas.ts";
import { decode } from "../decode.ts";
import { scriptedProposer } from "../scripted.ts";
import { ancestral } from "./ancestral.ts";
import type { Proposal } from "./policy.ts";

const schedule = logLinear();
const canvasOf = (sequences: number[], length: number): Canvas =>
  newCanvas({ length, noiseId: 9, sequences });
const proposalOf = (canvas: Canvas): Proposal => {
  const positions = openPositions(canvas);
  const numbers = new Float32Array(positions.length);
  return {
    positions,
    token: new Int32Array(positions.length),
    probability: numbers,
    entropy: numbers,
    margin: numbers,
  };
};
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

describe("ancestral", () => {
  it.each([
    [8, 0],
    [8, 3],
    [8, 6],
    [100, 40],
  ])("reveals one position in N − k on average: N = %i, k = %i", (steps, step) => {
    const canvas = canvasOf(range(0, 40), 250);
    const { commit } = ancestral({ steps, seed: 1, schedule }).decide(canvas, proposalOf(canvas), step);
    const p = 1 / (steps - step);
    expect(Math.abs(commit.length / 10_000 - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / 10_000));
    expect([...commit]).toEqual([...commit].sort((a, b) => a - b));
  });

  it("reveals everything that is left in the last step", () => {
    const canvas = canvasOf([0, 1], 20);
    const indices = ancestral({ steps: 5, seed: 1, schedule }).decide(canvas, proposalOf(canvas), 4).commit;
    expect([...indices]).toEqual(range(0, 40));
    const noisy = { name: "noisy at 0", alpha: (t: number) => 0.9 * (1 - t), alphaDerivative: () => -0.9 };
    const anyway = ancestral({ steps: 5, seed: 1, schedule: noisy }).decide(
      canvas,
      proposalOf(canvas),
      4,
    ).commit;
    expect(anyway).toHaveLength(40);
    const one = ancestral({ steps: 1, seed: 1, schedule }).decide(canvas, proposalOf(canvas), 0).commit;
    expect(one).toHaveLength(40);
  });

  it("spreads the moments of revealing evenly over the steps", async () => {
    const steps = 10;
    const canvas = canvasOf(range(0, 64), 64);
    const counts = new Array<number>(steps).fill(0);
    const proposer = scriptedProposer(() => ({ token: 1 }));
    for await (const one of decode(canvas, proposer, ancestral({ steps, seed: 4, schedule }))) {
      counts[one.step]! += one.decision.commit.length;
    }
    expect(counts.reduce((a, b) => a + b, 0)).toBe(64 * 64);
    const { statistic, degrees } = chiSquare(counts, new Array<number>(steps).fill(1 / steps));
    expect(statistic).toBeLessThan(chiSquareLimit(degrees));
  });

  it("decides a row alone as beside others, and does not change what it sees", () => {
    const policy = ancestral({ steps: 6, seed: 3, schedule });
    const together = canvasOf([5, 6, 2 ** 40], 16);
    const seen = structuredClone({ ids: together.ids, open: together.open, forwards: together.forwards });
    const all = policy.decide(together, proposalOf(together), 2).commit;
    together.sequences.forEach((sequence, row) => {
      const alone = canvasOf([sequence], 16);
      const indices = policy.decide(alone, proposalOf(alone), 2).commit;
      expect(indices).toEqual(all.filter((i) => Math.floor(i / 16) === row).map((i) => i - 16 * row));
    });
    expect({ ids: together.ids, open: together.open, forwards: together.forwards }).toEqual(seen);
  });

  it("draws anew at every step, by seed and by sequence", () => {
    const commits = (seed: number, sequence: number, step: number) => {
      const canvas = canvasOf([sequence], 64);
      return ancestral({ steps: 4, seed, schedule }).decide(canvas, proposalOf(canvas), step).commit.join();
    };
    expect(commits(1, 0, 0)).toBe(commits(1, 0, 0));
    expect(new Set([commits(1, 0, 0), commits(2, 0, 0), commits(1, 1, 0), commits(1, 0, 1)]).size).toBe(4);
  });
});
