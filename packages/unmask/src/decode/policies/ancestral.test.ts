import { describe, expect, it } from "vitest";
import { chiSquare, chiSquareLimit } from "../../../test/oracle/chi-square.ts";
import { logLinear, revealProbability, reverseTimes, sigma } from "../../diffusion/schedule.ts";
import { type Canvas, countOpen, isFinished, newCanvas, openColumns } from "../canvas.ts";
import { decode } from "../decode.ts";
import { type DecoderContext, readOptions } from "../decoder.ts";
import { scriptedProposal, scriptedProposer } from "../scripted.ts";
import {
  type AncestralOptions,
  ancestral,
  ancestralDecoder,
  decideStep,
  ends,
  reverseSteps,
} from "./ancestral.ts";

const schedule = logLinear();
const noiseId = 9;
const canvasOf = (sequence: number, length: number): Canvas => newCanvas({ length, noiseId, sequence });
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

/** What step `index` of N writes on an open canvas; the network says token 1, and 2 is its most probable. */
function decisionAt(canvas: Canvas, options: Partial<AncestralOptions> & { index: number; seed?: number }) {
  const settings = { steps: 8, seed: 1, schedule, ...options };
  const columns = openColumns(canvas);
  const proposal = {
    ...scriptedProposal(
      columns,
      Array.from(columns, () => ({ token: 1 })),
    ),
    best: columns.map(() => 2),
  };
  return decideStep(canvas, proposal, { ...settings, step: reverseSteps(settings)[options.index]! });
}

async function run(canvases: readonly Canvas[], options: Partial<AncestralOptions>): Promise<number[]> {
  const counts: number[] = [];
  const proposer = scriptedProposer(() => ({ token: 1 }));
  const policy = ancestral({ steps: 10, seed: 4, schedule, ...options });
  for await (const step of decode(canvases, proposer, policy)) {
    counts.push(step.reduce((sum, { decision }) => sum + decision.commit.length, 0));
  }
  return counts;
}

describe("ancestral", () => {
  it.each([
    [8, 0],
    [8, 3],
    [8, 6],
    [100, 40],
  ])("reveals one column in N − k on average: N = %i, k = %i", (steps, index) => {
    const commits = range(0, 40).map((i) => decisionAt(canvasOf(i, 250), { steps, index }).commit);
    const p = 1 / (steps - index);
    const count = commits.reduce((sum, one) => sum + one.length, 0);
    expect(Math.abs(count / 10_000 - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / 10_000));
    for (const commit of commits) expect(commit).toEqual([...commit].sort((a, b) => a - b));
  });

  it("reveals everything that is left in the last step, whatever the schedule", () => {
    const noisy = { name: "noisy at 0", alpha: (t: number) => 0.9 * (1 - t), alphaDerivative: () => -0.9 };
    for (const [steps, one] of [
      [5, schedule],
      [5, noisy],
      [1, schedule],
    ] as const) {
      const { commit } = decisionAt(canvasOf(0, 20), { steps, schedule: one, index: steps - 1 });
      expect(commit).toEqual(range(0, 20));
    }
  });

  it("spreads the moments of revealing evenly over the steps", async () => {
    const steps = 10;
    const counts = await run(
      range(0, 64).map((i) => canvasOf(i, 64)),
      { steps },
    );
    expect(counts.reduce((a, b) => a + b, 0)).toBe(64 * 64);
    const { statistic, degrees } = chiSquare(counts, new Array<number>(steps).fill(1 / steps));
    expect(statistic).toBeLessThan(chiSquareLimit(degrees));
  });

  it("decides a sequence alone as beside others, and does not change what it sees", async () => {
    const sequences = [5, 6, 2 ** 40];
    const together = sequences.map((i) => canvasOf(i, 16));
    await run(together, {});
    for (const [i, sequence] of sequences.entries()) {
      const alone = canvasOf(sequence, 16);
      await run([alone], {});
      expect([...alone.revealStep]).toEqual([...together[i]!.revealStep]);
      const seen = structuredClone(alone);
      decisionAt(alone, { index: 2 });
      expect(alone).toEqual(seen);
    }
  });

  it("draws anew at every step, by seed and by sequence", () => {
    const commits = (seed: number, sequence: number, index: number) =>
      decisionAt(canvasOf(sequence, 64), { seed, index, steps: 4 }).commit.join();
    expect(commits(1, 0, 0)).toBe(commits(1, 0, 0));
    expect(new Set([commits(1, 0, 0), commits(2, 0, 0), commits(1, 1, 0), commits(1, 0, 1)]).size).toBe(4);
  });

  it("draws anew for every drawn token of a column", () => {
    const canvas = canvasOf(0, 64);
    const step = { revealProbability: 0.5, noise: { before: 1, after: 0.5 }, greedy: false };
    const columns = openColumns(canvas);
    const tokens = [1, 2].map((token) => columns.map(() => token));
    const answers = Array.from(columns, () => ({ token: 1 }));
    const proposal = { ...scriptedProposal(columns, answers), draws: tokens };
    const decisions = [0, 1].map((draw) => decideStep(canvas, proposal, { step, index: 0, seed: 1, draw }));
    const only = decideStep(canvas, scriptedProposal(columns, answers), { step, index: 0, seed: 1 });
    expect(decisions[0]!.commit).toEqual(only.commit);
    expect(decisions[0]!.commit).not.toEqual(decisions[1]!.commit);
    expect(new Set(decisions[1]!.tokens!.values())).toEqual(new Set([2]));
  });
});

describe("the end", () => {
  it("is at t = 0 in the last step, or at t = 1e-5 with one forward more in released fidelity", () => {
    const corrected = reverseSteps({ steps: 4, seed: 0, schedule });
    expect(corrected.map(({ revealProbability: p }) => p.toFixed(2))).toEqual([
      "0.25",
      "0.33",
      "0.50",
      "1.00",
    ]);
    expect(corrected.at(-1)!.noise.after).toBe(0);
    const released = reverseSteps({ steps: 4, seed: 0, schedule, fidelity: "released" });
    const times = reverseTimes(4, 1e-5);
    expect(released).toHaveLength(5);
    times.slice(1).forEach((t, k) => {
      const { noise, revealProbability: p } = released[k]!;
      expect(p).toBe(revealProbability(schedule, times[k]!, t));
      expect([noise.before, noise.after]).toEqual([sigma(schedule, times[k]!), sigma(schedule, t)]);
    });
    expect(released[4]).toMatchObject({ revealProbability: 1, greedy: false, noise: { after: 0 } });
  });

  it.each(["corrected", "released"] as const)("takes the most probable tokens if greedy (%s)", (fidelity) => {
    const options = { steps: 3, fidelity, end: "greedy" } as const;
    const last = fidelity === "released" ? 3 : 2;
    expect(decisionAt(canvasOf(0, 9), { ...options, index: last - 1 }).tokens).toBeUndefined();
    const { commit, tokens } = decisionAt(canvasOf(0, 9), { ...options, index: last });
    expect(commit).toEqual(range(0, 9));
    expect([...tokens!.values()]).toEqual(Array(9).fill(2));
  });

  it("leaves masks where there is none, as many as alpha says", async () => {
    const hardlyClean = { name: "slow", alpha: (t: number) => 0.7 * (1 - t), alphaDerivative: () => -0.7 };
    const canvases = range(0, 40).map((i) => canvasOf(i, 100));
    await run(canvases, { end: "none", schedule: hardlyClean });
    const left = canvases.reduce((sum, canvas) => sum + countOpen(canvas), 0) / 4000;
    expect(Math.abs(left - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / 4000));
  });

  it("is reached after N + 1 forwards in released fidelity where a mask is left", async () => {
    const canvas = canvasOf(0, 400);
    const slow = { name: "slow", alpha: (t: number) => 0.5 * (1 - t), alphaDerivative: () => -0.5 };
    await run([canvas], { fidelity: "released", schedule: slow });
    expect([canvas.forwards, isFinished(canvas)]).toEqual([11, true]);
  });
});

describe("steps drawn whole", () => {
  it("leave a column open where the mask was drawn", () => {
    const canvas = canvasOf(0, 4);
    const tokens = [noiseId, 3, noiseId, 5].map((token) => ({ token }));
    const step = { revealProbability: 0, noise: { before: 1, after: 0.5 }, greedy: false };
    const context = { step, index: 0, seed: 0, drawsTransition: true };
    expect(decideStep(canvas, scriptedProposal([0, 1, 2, 3], tokens), context)).toEqual({ commit: [1, 3] });
  });
});

describe("the decoder", () => {
  const facts = { family: "mdlm", endIds: [], shift: 0, contextLength: 8, denoises: true } as const;
  const context: DecoderContext = { facts, seed: 1, fidelity: "released", promptLength: 0, newTokens: 6 };

  it("makes the policy and the sampling that its options name", () => {
    const options = readOptions(ancestralDecoder, { sampling_steps: 3, p_nucleus: 0.9, temperature: 0.5 });
    const { policy, sampling } = ancestralDecoder.create(options, context);
    expect(policy.limit(canvasOf(0, 6))).toBe(4);
    expect(sampling).toEqual({ temperature: 0.5, topP: 0.9 });
    const usual = ancestralDecoder.create(readOptions(ancestralDecoder, {}), context);
    expect(usual.policy.limit(canvasOf(0, 6))).toBe(7);
    for (const noise_removal of ends) readOptions(ancestralDecoder, { noise_removal });
    expect(() => readOptions(ancestralDecoder, { noise_removal: "some" })).toThrow(
      /ancestral or greedy or none/,
    );
  });

  it("reuses proposals unless told not to", () => {
    const reuses = (given: Record<string, boolean>) => {
      const options = readOptions(ancestralDecoder, given);
      const { policy } = ancestralDecoder.create(options, context);
      return policy.start(canvasOf(0, 6)).plan()!.reuse;
    };
    expect([reuses({}), reuses({ reuse: false })]).toEqual([true, false]);
  });

  it("has a grid of times, so not any number of steps", () => {
    expect(() => readOptions(ancestralDecoder, { steps: 1e9 })).toThrow("from 1 to 65536");
  });

  it("refuses networks that do not see all, or do not denoise", () => {
    expect(ancestralDecoder.refuses(facts)).toBeUndefined();
    expect(ancestralDecoder.refuses({ ...facts, blockLength: 4 })).toMatch(/block/);
    expect(ancestralDecoder.refuses({ ...facts, denoises: false })).toMatch(/next tokens/);
  });
});
