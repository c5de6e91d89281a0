import { tensor } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { fakeNetwork } from "../../test/oracle/fake-network.ts";
import { type Canvas, isFinished, newCanvas, openColumns } from "../decode/canvas.ts";
import { fill } from "../decode/commit.ts";
import { decode } from "../decode/decode.ts";
import { ancestral } from "../decode/policies/ancestral.ts";
import type { Plan, Policy, Proposal, Request } from "../decode/policies/policy.ts";
import { maskColumn } from "../diffusion/objective.ts";
import { logLinear } from "../diffusion/schedule.ts";
import { modelProposer } from "./propose.ts";

const maskId = 4;
const forbidden = tensor(maskColumn(6, maskId));
const fake = () => fakeNetwork([[0.3, -1, 2, 0.3, 9, -4]]);
const canvasOf = (sequence: number, length: number, prompt: number[] = []): Canvas =>
  newCanvas({ length, noiseId: maskId, sequence, prompt });
const ask = (canvas: Canvas, more: Partial<Plan> = {}): Request => ({
  canvas,
  plan: { from: 0, to: canvas.length, candidates: openColumns(canvas), ...more },
});

describe("a standing proposal", () => {
  /** Commits the first open column at the steps where it is so said. */
  const turns = (writes: readonly boolean[]): Policy => ({
    name: "turns",
    limit: () => writes.length,
    start: (canvas) => {
      let step = 0;
      return {
        plan() {
          if (step === writes.length || isFinished(canvas)) return undefined;
          step++;
          return ask(canvas, { reuse: true }).plan;
        },
        decide: () => ({ commit: writes[step - 1] ? [0] : [] }),
      };
    },
  });

  it("is used again by the sequences that nothing was written to, and spends no forward", async () => {
    const network = fake();
    const canvases = [0, 1, 2].map((i) => canvasOf(i, 3, [5]));
    const proposer = modelProposer(network, { seed: 1, forbidden });
    const writes = [
      [0, 1, 1, 0, 0, 0],
      [0, 0, 0, 0, 1, 1],
      [0, 0, 1, 0, 0, 0],
    ].map((row) => row.map(Boolean));
    const tokens: number[][] = [];
    for await (const steps of decode(canvases, proposer, writes.map(turns))) {
      for (const { row, proposal } of steps) if (row === 1) tokens.push([...proposal.token]);
    }
    expect(network.calls.map((call) => call.rows)).toEqual([3, 1, 1, 1]);
    expect(canvases.map(({ forwards }) => forwards)).toEqual([2, 2, 2]);
    expect(canvases.map(({ revealStep }) => [...revealStep])).toEqual([
      [-1, 0, 1],
      [-1, 0, 1],
      [-1, 0, -1],
    ]);
    expect(tokens.slice(1, 5)).toEqual(Array(4).fill(tokens[0]));
  });

  it("falls when anything that is seen or asked is not the same", () => {
    const network = fake();
    const canvas = canvasOf(0, 4, [5]);
    const proposer = modelProposer(network, { seed: 1, forbidden });
    const again = (more: Partial<Plan> = {}) => {
      const before = network.calls.length;
      const [proposal] = proposer.propose([ask(canvas, { reuse: true, ...more })]) as Proposal[];
      return { proposal: proposal!, isNew: network.calls.length > before };
    };
    const whole = again();
    expect(whole.isNew).toBe(true);
    const part = again({ candidates: Int32Array.of(3) });
    expect([part.isNew, part.proposal.token[0]]).toEqual([false, whole.proposal.token[2]]);
    expect(again({ reuse: false }).isNew).toBe(true);
    expect(again({ to: 3, candidates: Int32Array.of(1, 2) }).isNew).toBe(true);
    expect(again({ to: 3, candidates: Int32Array.of(2) }).isNew).toBe(false);
    // A column that was no candidate then.
    again({ candidates: Int32Array.of(1) });
    expect(again({ candidates: Int32Array.of(1, 2) }).isNew).toBe(true);
    // Written, though as many columns are open as before.
    again();
    fill(canvas, { columns: [3], token: 2, keepOpen: true });
    expect(again().isNew).toBe(true);
    expect(again({ draws: 2 }).isNew).toBe(true);
  });

  it("is forgotten when its canvas is done", () => {
    const network = fake();
    const canvas = canvasOf(0, 2);
    const proposer = modelProposer(network, { seed: 1, forbidden });
    proposer.propose([ask(canvas, { reuse: true })]);
    proposer.finish!(canvas);
    proposer.propose([ask(canvas, { reuse: true })]);
    expect(network.calls).toHaveLength(2);
  });

  it("makes no more forwards than there are steps or tokens", async () => {
    for (const steps of [1, 3, 1000]) {
      const canvases = [0, 1, 2, 3, 4, 5].map((i) => canvasOf(i, 8));
      const proposer = modelProposer(fake(), { seed: 2, forbidden });
      for await (const _ of decode(canvases, proposer, ancestral({ steps, seed: 2, schedule: logLinear() })));
      for (const { forwards, revealStep } of canvases) {
        expect(forwards).toBeLessThanOrEqual(Math.min(steps, 8));
        expect(Math.max(...revealStep)).toBe(forwards - 1);
        expect(new Set(revealStep).size).toBe(forwards);
      }
    }
  });
});
