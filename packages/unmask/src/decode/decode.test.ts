import { describe, expect, it } from "vitest";
import { logLinear } from "../diffusion/schedule.ts";
import { type Canvas, isFinished, newCanvas, openPositions, rowIds } from "./canvas.ts";
import { commit } from "./commit.ts";
import { type DecodeStep, decode } from "./decode.ts";
import { ancestral } from "./policies/ancestral.ts";
import type { Policy } from "./policies/policy.ts";
import { scriptedProposer } from "./scripted.ts";

const maskId = 99;
const canvasOf = (rows: number, length: number, prefix: number[] = []): Canvas =>
  newCanvas({ length, noiseId: maskId, sequences: Array.from({ length: rows }, (_, i) => i), prefix });
/** Token = 10 · row + column. */
const labels = scriptedProposer((row, column) => ({ token: 10 * row + column }));
/** Commits the first open position of every row, or as many as said. */
const first = (steps: number, count = 1): Policy => ({
  name: "first",
  steps,
  decide: (canvas, { positions }) => {
    const taken = new Map<number, number>();
    const indices: number[] = [];
    positions.forEach((flat, i) => {
      const row = Math.floor(flat / canvas.length);
      const before = taken.get(row) ?? 0;
      taken.set(row, before + 1);
      if (before < count) indices.push(i);
    });
    return { commit: indices };
  },
});

async function run(canvas: Canvas, policy: Policy, proposer = labels): Promise<DecodeStep[]> {
  const steps: DecodeStep[] = [];
  for await (const step of decode(canvas, proposer, policy)) steps.push(step);
  return steps;
}

describe("the canvas", () => {
  it("opens everything but the given tokens, which stand in every row", () => {
    const canvas = canvasOf(2, 4, [7, maskId]);
    expect([...canvas.ids]).toEqual([7, maskId, maskId, maskId, 7, maskId, maskId, maskId]);
    expect([...canvas.open]).toEqual([0, 0, 1, 1, 0, 0, 1, 1]);
    expect([...openPositions(canvas)]).toEqual([2, 3, 6, 7]);
    expect([...rowIds(canvas, 1)]).toEqual([7, maskId, maskId, maskId]);
    expect(isFinished(canvas)).toBe(false);
  });

  it("is finished from the start when everything is given", async () => {
    const canvas = canvasOf(1, 3, [1, 2, 3]);
    expect(isFinished(canvas)).toBe(true);
    expect(await run(canvas, first(5))).toEqual([]);
    expect([...canvas.forwards]).toEqual([0]);
  });
});

describe("commit", () => {
  const proposal = (positions: number[], token: number[]) => {
    const none = new Float32Array(positions.length);
    return {
      positions: Int32Array.from(positions),
      token: Int32Array.from(token),
      probability: none,
      entropy: none,
      margin: none,
    };
  };

  it("writes the tokens and closes their positions", () => {
    const canvas = canvasOf(2, 3, [5]);
    canvas.forwards.set([4, 9]);
    commit(canvas, proposal([1, 2, 4], [11, 12, 14]), { commit: [0, 2] });
    expect([...canvas.ids]).toEqual([5, 11, maskId, 5, 14, maskId]);
    expect([...canvas.open]).toEqual([0, 0, 1, 0, 0, 1]);
    expect([...canvas.revealStep]).toEqual([-1, 3, -1, -1, 8, -1]);
  });

  it.each([
    ["a given position", [0], [0]],
    ["a position outside the canvas", [6], [0]],
    ["a proposal that does not exist", [1], [1]],
    ["the same position twice", [1, 1], [0, 1]],
  ])("refuses %s", (_, positions, indices) => {
    const canvas = canvasOf(2, 3, [5]);
    expect(() => commit(canvas, proposal(positions, [8, 8]), { commit: indices })).toThrow(/is not open/);
    expect(canvas.ids[0]).toBe(5);
  });
});

describe("the decoding loop", () => {
  it("writes what is proposed, records the step, and never changes what was given", async () => {
    const canvas = canvasOf(2, 4, [7]);
    const steps = await run(canvas, first(10));
    expect(steps.map(({ step }) => step)).toEqual([0, 1, 2]);
    expect([...canvas.ids]).toEqual([7, 1, 2, 3, 7, 11, 12, 13]);
    expect([...canvas.revealStep]).toEqual([-1, 0, 1, 2, -1, 0, 1, 2]);
    expect([...canvas.forwards]).toEqual([3, 3]);
  });

  it("stops after the policy's steps, and where the iteration is left", async () => {
    const canvas = canvasOf(1, 4);
    expect(await run(canvas, first(2))).toHaveLength(2);
    expect([...canvas.ids]).toEqual([0, 1, maskId, maskId]);
    for await (const { step } of decode(canvas, labels, first(2))) if (step === 0) break;
    expect([...canvas.ids]).toEqual([0, 1, 2, maskId]);
  });

  it("fails when a policy asks for what is not open, and the given tokens survive", async () => {
    const canvas = canvasOf(1, 3, [7]);
    const wrong: Policy = { name: "wrong", steps: 3, decide: () => ({ commit: [5] }) };
    await expect(run(canvas, wrong)).rejects.toThrow(/is not open/);
    expect([...canvas.ids]).toEqual([7, maskId, maskId]);
  });

  it("waits for a proposer that takes its time, and passes its failure on", async () => {
    const canvas = canvasOf(1, 2);
    const slow = { propose: async (...a: Parameters<typeof labels.propose>) => labels.propose(...a) };
    await run(canvas, first(2), slow);
    expect(isFinished(canvas)).toBe(true);
    const failing = { propose: () => Promise.reject(new Error("no network")) };
    await expect(run(canvasOf(1, 2), first(2), failing)).rejects.toThrow("no network");
  });
});

describe("ancestral sampling through the loop", () => {
  it.each([1, 2, 7, 1000])("fills every canvas within %i steps and keeps the given tokens", async (steps) => {
    for (const seed of [0, 1]) {
      const canvas = canvasOf(5, 12, [42, maskId]);
      const done = await run(canvas, ancestral({ steps, seed, schedule: logLinear() }));
      expect(done.length).toBeLessThanOrEqual(steps);
      expect(isFinished(canvas)).toBe(true);
      for (let row = 0; row < 5; row++) {
        const written = Array.from({ length: 10 }, (_, i) => 10 * row + i + 2);
        expect([...rowIds(canvas, row)]).toEqual([42, maskId, ...written]);
        expect(canvas.forwards[row]).toBeLessThanOrEqual(steps);
      }
      if (steps === 1) expect(done).toHaveLength(1);
    }
  });
});
