// Where block diffusion ends a text, and its line in the table of decoders.

import { describe, expect, it } from "vitest";
import { facts, fidelities, maskId, run, sceneOf } from "../../../test/decode/block-scenes.ts";
import { countOpen, newCanvas, openColumns } from "../canvas.ts";
import { fill } from "../commit.ts";
import { type OptionValues, readOptions } from "../decoder.ts";
import { scriptedProposer } from "../scripted.ts";
import { blockDiffusionDecoder, releasedLength } from "./block-diffusion.ts";

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

  it("refuses a block that the model has no room for, and makes no list of steps", () => {
    const { contextLength } = facts;
    const most = read({ block_length: contextLength, denoising_steps: Number.MAX_SAFE_INTEGER });
    const ready = blockDiffusionDecoder.create(most, context);
    const canvas = newCanvas({ length: contextLength, noiseId: maskId });
    expect(ready.policy.start(canvas).plan()!.candidates).toHaveLength(contextLength);
    expect(() => blockDiffusionDecoder.create(read({ block_length: contextLength + 1 }), context)).toThrow(
      `the model takes ${contextLength} tokens; give a smaller one`,
    );
  });

  it("refuses what does not see block by block", () => {
    expect(blockDiffusionDecoder.refuses(facts)).toBeUndefined();
    expect(blockDiffusionDecoder.refuses({ ...facts, blockLength: undefined })).toContain("block by block");
    expect(blockDiffusionDecoder.refuses({ ...facts, denoises: false })).toContain("next tokens");
  });
});
