// Block diffusion over random tables: what it plans and what it writes.

import { describe, expect, it } from "vitest";
import { fidelities, maskId, run, sceneOf } from "../../../test/decode/block-scenes.ts";
import { type Canvas, countOpen, newCanvas } from "../canvas.ts";
import type { SequenceStep } from "../decode.ts";
import { scriptedProposer } from "../scripted.ts";
import { blockDiffusion } from "./block-diffusion.ts";
import { strategies } from "./block-selection.ts";
import { policyContract } from "./contract.ts";

for (const strategy of strategies) {
  for (const fidelity of fidelities) {
    policyContract(`block diffusion, ${strategy}, ${fidelity}`, {
      lengths: [
        [20, 4],
        [12, 9],
        [36, 1],
        [8, 8],
        [4, 0],
      ],
      policy: () =>
        blockDiffusion({
          blockLength: 4,
          // Entropies may ask for a step a token, and what they get as published is less.
          steps: strategy === "entropy_bounded" ? 4 : 3,
          selection: { strategy, threshold: 0.6, entropyBound: 2, seed: 4 },
          fidelity,
          stopIds: [],
          extraColumns: 0,
        }),
    });
  }
}

const tokensOf = ({ ids }: Canvas) => [...ids];
const isDenoising = ({ proposal }: SequenceStep) => proposal.columns.length > 0;

const shapes = [
  [1, 1],
  [3, 1],
  [3, 3],
  [4, 1],
  [4, 2],
  [4, 3],
  [4, 4],
  [4, 6],
  [8, 3],
].map(([block_length, denoising_steps]) => ({ block_length, denoising_steps }));

describe.each(strategies)("block diffusion, %s", (remasking_strategy) => {
  it.each(fidelities)("writes the whole text and nothing given, within its limit (%s)", async (fidelity) => {
    for (const shape of shapes) {
      for (let newTokens = 1; newTokens <= 13; newTokens += 3) {
        const promptLength = (5 * newTokens) % 13;
        const options = { ...shape, remasking_strategy };
        const scene = sceneOf({ promptLength, newTokens, options, fidelity });
        const { canvas, ready } = scene;
        const prompt = tokensOf(canvas).slice(0, promptLength);
        const [steps] = await run([scene]);
        expect(tokensOf(canvas).slice(0, promptLength)).toEqual(prompt);
        const end = promptLength + newTokens;
        expect(countOpen(canvas, 0, end)).toBe(0);
        expect(ready.textEnd!(canvas)).toBe(end);
        expect(canvas.forwards).toBeLessThanOrEqual(ready.policy.limit(canvas));
        expect(canvas.length % shape.block_length!).toBe(0);
        for (const { plan } of steps!) expect(plan.to % shape.block_length!).toBe(0);
      }
    }
  });
});

describe("plans of block diffusion", () => {
  const feeds = (steps: SequenceStep[]) =>
    steps.map(({ plan }) => [plan.from, plan.to, plan.cache!.keep, plan.candidates.length]);

  it("stores what is finished beside the next block's first step", async () => {
    const [steps] = await run([sceneOf({ promptLength: 9, newTokens: 7, options: { denoising_steps: 2 } })]);
    expect(feeds(steps!)).toEqual([
      [0, 12, 8, 3],
      [8, 12, 0, 1],
      [8, 16, 4, 4],
      [12, 16, 0, 2],
    ]);
  });

  it("spends forwards of their own on that as released", async () => {
    const options = { denoising_steps: 2 };
    const [steps] = await run([sceneOf({ promptLength: 9, newTokens: 7, options, fidelity: "released" })]);
    expect(feeds(steps!)).toEqual([
      [0, 8, 8, 0],
      [8, 12, 0, 3],
      [8, 12, 0, 1],
      [8, 12, 4, 0],
      [12, 16, 0, 4],
      [12, 16, 0, 2],
      [12, 16, 4, 0],
    ]);
  });

  it.each(fidelities)("writes its quota, as far as that many are open (%s)", async (fidelity) => {
    for (const remasking_strategy of ["low_confidence_static", "sequential", "random"]) {
      const options = { block_length: 8, denoising_steps: 3, remasking_strategy };
      const [steps] = await run([sceneOf({ promptLength: 5, newTokens: 19, options, fidelity })]);
      const counts = steps!.filter(isDenoising).map(({ decision }) => decision.commit.length);
      expect(counts).toEqual([3, 3, 3, 2, 3, 3, 2]);
    }
  });

  it("has no more steps in a block than asked for, though entropies ask for more", async () => {
    const options = { denoising_steps: 2, remasking_strategy: "entropy_bounded", entropy_bound: 0 };
    const corrected = sceneOf({ promptLength: 4, newTokens: 8, options });
    const [steps] = await run([corrected]);
    expect(steps!.map(({ decision }) => decision.commit.length)).toEqual([1, 3, 1, 3]);
    const released = sceneOf({ promptLength: 4, newTokens: 8, options, fidelity: "released" });
    await run([released]);
    expect(countOpen(released.canvas)).toBe(0);
    expect(tokensOf(released.canvas).filter((token) => token === maskId)).toHaveLength(4);
  });

  it("takes given columns inside the text as they are", async () => {
    const { ready } = sceneOf({ promptLength: 2, newTokens: 14 });
    const given = new Map([4, 5, 6, 7, 9, 15].map((column) => [column, 60 + column]));
    const canvas = newCanvas({ length: 16, noiseId: maskId, prompt: [1, 2], given });
    const [steps] = await run([{ ready, canvas }]);
    expect(feeds(steps!).slice(0, 3)).toEqual([
      [0, 4, 0, 2],
      [0, 4, 0, 1],
      [0, 12, 8, 3],
    ]);
    for (const [column, token] of given) expect(canvas.ids[column]).toBe(token);
    expect(countOpen(canvas)).toBe(0);
  });

  it("does nothing where nothing is to be written", async () => {
    for (const fidelity of fidelities) {
      const scene = sceneOf({ promptLength: 8, newTokens: 0, fidelity });
      await run([scene]);
      expect(scene.canvas.forwards).toBe(0);
    }
  });

  it("leaves a column as it was where the published network draws the mask", async () => {
    const scene = sceneOf({
      promptLength: 0,
      newTokens: 4,
      fidelity: "released",
      options: { denoising_steps: 4 },
    });
    const proposer = scriptedProposer((_, column, forward) => ({
      token: column === 1 && forward < 2 ? maskId : column,
      probability: column === 1 ? 1 : 0.5,
    }));
    const [steps] = await run([scene], proposer);
    expect(steps!.filter(isDenoising).map(({ decision }) => decision.commit.length)).toEqual([0, 0, 1, 1]);
    expect(tokensOf(scene.canvas)).toEqual([0, 1, maskId, maskId]);
  });
});
