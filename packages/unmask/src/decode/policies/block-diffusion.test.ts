// Block diffusion over random tables: what it plans, what it writes, and where it ends.

import { describe, expect, it } from "vitest";
import { mulberry32 } from "../../../test/oracle/mulberry32.ts";
import { type Canvas, countOpen, newCanvas, openColumns } from "../canvas.ts";
import { commit, fill } from "../commit.ts";
import { decode, type SequenceStep } from "../decode.ts";
import { type DecodeFacts, type Fidelity, type OptionValues, readOptions } from "../decoder.ts";
import { scriptedProposer } from "../scripted.ts";
import { blockDiffusionDecoder, releasedLength } from "./block-diffusion.ts";
import { strategies } from "./block-selection.ts";

const maskId = 99;
const facts: DecodeFacts = {
  family: "sdar",
  maskId,
  endIds: [],
  shift: 0,
  blockLength: 4,
  contextLength: 100,
  denoises: true,
};
const fidelities: Fidelity[] = ["corrected", "released"];

interface Scene {
  promptLength: number;
  newTokens: number;
  options?: OptionValues;
  fidelity?: Fidelity;
  sequence?: number;
  endIds?: readonly number[];
}

function sceneOf({
  promptLength,
  newTokens,
  options = {},
  fidelity = "corrected",
  sequence = 0,
  endIds = [],
}: Scene) {
  const context = { facts: { ...facts, endIds }, seed: 5, fidelity, promptLength, newTokens };
  const ready = blockDiffusionDecoder.create(readOptions(blockDiffusionDecoder, options), context);
  const prompt = Array.from({ length: promptLength }, (_, i) => 40 + i);
  const length = promptLength + newTokens + (ready.extraColumns ?? 0);
  return { ready, canvas: newCanvas({ length, noiseId: maskId, sequence, prompt }) };
}

/** Random answers by (sequence, column, forward); confidences repeat, so that there are ties. */
const table = (seed: number) =>
  scriptedProposer((sequence, column, forward) => {
    const next = mulberry32(seed + 7919 * sequence + 104_729 * column + 1_299_709 * forward);
    next();
    return {
      token: Math.floor(next() * 30),
      probability: Math.round(next() * 10) / 10,
      entropy: next(),
    };
  });

async function run(scenes: ReturnType<typeof sceneOf>[], proposer = table(1)): Promise<SequenceStep[][]> {
  const steps: SequenceStep[][] = scenes.map(() => []);
  const canvases = scenes.map(({ canvas }) => canvas);
  const policies = scenes.map(({ ready }) => ready.policy);
  for await (const done of decode(canvases, proposer, policies))
    for (const one of done) steps[one.row]!.push(one);
  return steps;
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

  it.each(fidelities)("decides alone as beside others, and purely (%s)", async (fidelity) => {
    const scenes = () =>
      [1, 6, 8].map((promptLength, sequence) =>
        sceneOf({
          promptLength,
          newTokens: 9,
          sequence,
          fidelity,
          options: { remasking_strategy, denoising_steps: 3 },
        }),
      );
    const together = scenes();
    await run(together);
    for (const [row, scene] of scenes().entries()) {
      const { policy } = scene.ready;
      const seen: unknown[] = [];
      const twice = {
        ...policy,
        start: (canvas: Canvas) => {
          const decoder = policy.start(canvas);
          return {
            plan: () => decoder.plan(),
            decide(proposal: Parameters<typeof decoder.decide>[0]) {
              const before = structuredClone({ canvas, proposal });
              const decision = decoder.decide(proposal);
              expect(decoder.decide(proposal)).toEqual(decision);
              expect({ canvas, proposal }).toEqual(before);
              seen.push(decision);
              return decision;
            },
          };
        },
      };
      await run([{ ...scene, ready: { ...scene.ready, policy: twice } }]);
      expect(seen.length).toBeGreaterThan(2);
      expect(scene.canvas.ids).toEqual(together[row]!.canvas.ids);
      expect(scene.canvas.revealStep).toEqual(together[row]!.canvas.revealStep);
    }
  });

  it("goes on from any step of its record", async () => {
    const scene = () => sceneOf({ promptLength: 6, newTokens: 10, options: { remasking_strategy } });
    const whole = scene();
    const [steps] = await run([whole]);
    for (let step = 0; step <= steps!.length; step += 2) {
      const again = scene();
      const decoder = again.ready.policy.start(again.canvas);
      for (const recorded of steps!.slice(0, step)) {
        expect(decoder.plan()).toEqual(recorded.plan);
        again.canvas.forwards++;
        expect(decoder.decide(recorded.proposal)).toEqual(recorded.decision);
        commit(again.canvas, recorded.proposal, recorded.decision);
      }
      const policy = { ...again.ready.policy, start: () => decoder };
      await run([{ ...again, ready: { ...again.ready, policy } }]);
      expect(again.canvas).toEqual(whole.canvas);
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

describe("stop ids of block diffusion", () => {
  const stop = 7;
  /** Token `stop` at these columns. */
  const stopsAt = (...columns: number[]) =>
    scriptedProposer((_, column) => ({ token: columns.includes(column) ? stop : 1, probability: 1 }));

  it("ends a text as soon as nothing before the stop token is open", async () => {
    const scene = sceneOf({ promptLength: 5, newTokens: 20, endIds: [stop] });
    await run([scene], stopsAt(9));
    expect(scene.canvas.forwards).toBe(3 + 2);
    expect(scene.ready.textEnd!(scene.canvas)).toBe(10);
    expect([...openColumns(scene.canvas)]).toEqual(Array.from({ length: 18 }, (_, i) => 10 + i));
  });

  it("finishes and stores the block as released", async () => {
    const scene = sceneOf({ promptLength: 5, newTokens: 20, endIds: [stop], fidelity: "released" });
    await run([scene], stopsAt(9));
    expect(scene.canvas.forwards).toBe(1 + (3 + 1) + (4 + 1));
    expect(scene.ready.textEnd!(scene.canvas)).toBe(10);
    expect(countOpen(scene.canvas, 0, 12)).toBe(0);
  });

  it("does not stop at a given one, unless released", async () => {
    for (const fidelity of fidelities) {
      const { ready } = sceneOf({ promptLength: 6, newTokens: 6, endIds: [stop], fidelity });
      const canvas = newCanvas({ length: 12, noiseId: maskId, prompt: [1, 2, stop, 4, stop, 6] });
      await run([{ ready, canvas }], stopsAt());
      expect(countOpen(canvas)).toBe(fidelity === "corrected" ? 0 : 4);
      expect(ready.textEnd!(canvas)).toBe(fidelity === "corrected" ? 12 : 5);
    }
  });

  it("does not stop at one that is drawn and not written, or stands behind the text", async () => {
    const scene = sceneOf({ promptLength: 0, newTokens: 5, endIds: [stop], options: { denoising_steps: 1 } });
    await run([scene], stopsAt(6));
    expect(scene.canvas.forwards).toBe(2);
    expect(scene.ready.textEnd!(scene.canvas)).toBe(5);
  });

  it("spends no forward on columns that only fill the last block", async () => {
    const options = { remasking_strategy: "sequential" };
    const scene = sceneOf({ promptLength: 3, newTokens: 2, options });
    await run([scene]);
    expect(scene.canvas.forwards).toBe(2);
    expect([...openColumns(scene.canvas)]).toEqual([5, 6, 7]);
  });

  it("tells where a text ends that was not finished", () => {
    const { canvas, ready } = sceneOf({ promptLength: 5, newTokens: 9, endIds: [stop] });
    expect(ready.textEnd!(canvas)).toBe(5);
    fill(canvas, { columns: [5, 6], token: 3 });
    expect(ready.textEnd!(canvas)).toBe(7);
  });

  it("ends long texts early as released", async () => {
    expect([10, 32, 33, 34, 40, 64, 100, 2000].map((count) => releasedLength(count))).toEqual([
      10, 32, 33, 33, 39, 61, 96, 1901,
    ]);
    const options = { denoising_steps: 1 };
    const scene = sceneOf({ promptLength: 4, newTokens: 64, options, fidelity: "released" });
    const end = scene.ready.textEnd!(scene.canvas);
    await run([scene]);
    expect(end).toBe(4);
    expect(scene.ready.textEnd!(scene.canvas)).toBe(4 + 61);
  });
});

describe("block diffusion in the table of decoders", () => {
  const read = (given: OptionValues) => readOptions(blockDiffusionDecoder, given);
  const context = { facts, seed: 0, fidelity: "corrected" as const, promptLength: 5, newTokens: 6 };

  it("knows the published names of its options", () => {
    const t3d = { block_size: 8, denoising_steps_per_block: 2, dynamic_threshold: 0.8, topk: 5, topp: 0.9 };
    const sdar = { block_length: 8, denoising_steps: 2, confidence_threshold: 0.8, top_k: 5, top_p: 0.9 };
    expect(read(t3d)).toEqual(read(sdar));
    expect(read({ eb_threshold: 2 }).entropy_bound).toBe(2);
    expect(() => read({ denoising_step: 2 })).toThrow("did you mean denoising_steps?");
    expect(() => read({ remasking_strategy: "low_confidence" })).toThrow("low_confidence_static");
  });

  it("takes the model's block length and as many steps", () => {
    const ready = blockDiffusionDecoder.create(read({}), context);
    expect(ready.extraColumns).toBe(1);
    expect(ready.visibility).toEqual({ kind: "block-causal", blockLength: 4 });
    expect(ready.sampling).toEqual({ temperature: 0, topK: undefined, topP: 1 });
    const canvas = newCanvas({ length: 12, noiseId: maskId });
    expect(ready.policy.limit(canvas)).toBe(12);
    const other = blockDiffusionDecoder.create(read({ block_length: 3, top_k: 7 }), context);
    expect([other.extraColumns, other.sampling.topK]).toEqual([1, 7]);
  });

  it("refuses what does not see block by block", () => {
    expect(blockDiffusionDecoder.refuses(facts)).toBeUndefined();
    expect(blockDiffusionDecoder.refuses({ ...facts, blockLength: undefined })).toContain("block by block");
    expect(blockDiffusionDecoder.refuses({ ...facts, denoises: false })).toContain("next tokens");
  });
});
