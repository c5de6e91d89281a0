import {
  add,
  embedding,
  indexSelect,
  keep,
  liveTensors,
  matmul,
  mul,
  scope,
  softmax as softmaxOf,
  sumDim,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { chiSquare, chiSquareLimit, softmax } from "../../test/oracle/chi-square.ts";
import { streams, uniform } from "../base/rng.ts";
import { type Canvas, isFinished, newCanvas } from "../decode/canvas.ts";
import { decode, type SequenceStep } from "../decode/decode.ts";
import { ancestral } from "../decode/policies/ancestral.ts";
import type { Plan, Question } from "../decode/policies/policy.ts";
import { type RewardGuidedOptions, rewardGuided } from "../decode/policies/reward-guided.ts";
import { scriptedProposal } from "../decode/scripted.ts";
import { maskColumn } from "../diffusion/objective.ts";
import { logLinear } from "../diffusion/schedule.ts";
import { type Denoiser, modelProposer, type ProposerOptions } from "./propose.ts";
import { drawSoftmax, type RewardNetwork, rewardGradient, rewardGuidance } from "./reward-guidance.ts";
import { drawTransition } from "./transition.ts";

const [V, maskId] = [5, 4];
const schedule = logLinear();
const forbidden = keep(tensor(maskColumn(V, maskId)));
const table = [0.5, -0.3, 1, 0, 0.2];
const student: Denoiser = {
  logits: (_, rows_N) => indexSelect(tensor([table]), 0, mul(rows_N!, 0)),
};
/** Token v is worth value[v] at any column, and every column sees the mean of all. */
const value = keep(tensor([[0], [3], [-1], [0.5], [0]]));
const judgeNetwork = (calls: { shape: number[]; sigma: number[] }[] = []): RewardNetwork => ({
  logits(input, { sigma_B }) {
    calls.push({ shape: [...input.shape], sigma: toNumbers(sigma_B) });
    const soft = input.shape.length === 3;
    const worth_BL1 = soft ? matmul(softmaxOf(input, -1), value) : embedding(value, input);
    const worth_BL = sumDim(worth_BL1, -1);
    return add(worth_BL, mul(sumDim(worth_BL, -1, { keepdim: true }), 0.1));
  },
});
const canvasOf = (sequence: number, length: number, prompt: number[] = []): Canvas =>
  newCanvas({ length, noiseId: maskId, sequence, prompt });
const settings: RewardGuidedOptions = {
  steps: 6,
  seed: 2,
  schedule,
  version: "2025-10",
  candidates: 3,
  scaleStart: 30,
  scaleEnd: 40,
  rerankRatio: 0.5,
};

async function run(
  canvases: readonly Canvas[],
  options: Partial<RewardGuidedOptions> = {},
  { network = judgeNetwork(), ...proposal }: Partial<ProposerOptions> & { network?: RewardNetwork } = {},
): Promise<SequenceStep[][]> {
  const { guide, judge } = rewardGuidance(network, {
    seed: 2,
    forbidden: proposal.draw ? undefined : forbidden,
  });
  const proposer = modelProposer(student, { seed: 2, forbidden, guide, ...proposal });
  const steps: SequenceStep[][] = [];
  for await (const step of decode(canvases, proposer, rewardGuided({ ...settings, ...options }), { judge })) {
    steps.push(step);
  }
  return steps;
}
const idsOf = (canvases: readonly Canvas[]) => canvases.map(({ ids }) => [...ids]);

describe("the reward's gradient", () => {
  const noise = { before: 0.7, after: 0.2 };
  const canvas = canvasOf(0, 3, [1]);
  const plan: Plan = { from: 0, to: 3, candidates: Int32Array.of(1, 2), noise };
  const rewardOf = (rows: number[][]): number => {
    const worth = rows.map((row) =>
      softmax(row).reduce((total, p, v) => total + p * toNumbers(value)[v]!, 0),
    );
    const all = worth.reduce((a, b) => a + b, 0) + 3;
    return worth.reduce((total, one) => total + one + 0.1 * all, 0);
  };

  it("is that of the sum over open columns, by differences in float64", () => {
    const rows = [
      [0.3, 1, -0.5, 0.1, 0],
      [-1, 0.2, 0.4, 0, 0.7],
    ];
    const calls: { shape: number[]; sigma: number[] }[] = [];
    const gradient = scope(() =>
      toNumbers(
        rewardGradient(
          judgeNetwork(calls),
          {
            ids_RL: tensor([[1, maskId, maskId]], undefined, { dtype: "int64" }),
            rows_N: tensor([1, 2], undefined, { dtype: "int64" }),
            logits_NV: tensor(rows),
            requests: [{ canvas, plan }],
          },
          {},
        ),
      ),
    );
    expect(calls).toEqual([{ shape: [1, 3, V], sigma: [Math.fround(0.7)] }]);
    rows.forEach((row, i) => {
      row.forEach((_, v) => {
        const moved = (by: number) =>
          rewardOf(rows.map((r, k) => r.map((z, w) => (k === i && w === v ? z + by : z))));
        expect(gradient[i * V + v]).toBeCloseTo((moved(1e-4) - moved(-1e-4)) / 2e-4, 4);
      });
    });
  });

  it("is 0 at forbidden tokens, and the mask has no part in the mixtures", () => {
    const gradientOf = (maskLogit: number) =>
      scope(() =>
        toNumbers(
          rewardGradient(
            judgeNetwork(),
            {
              ids_RL: tensor([[1, maskId, maskId]], undefined, { dtype: "int64" }),
              rows_N: tensor([1, 2], undefined, { dtype: "int64" }),
              logits_NV: tensor([
                [0, 1, 0, 0, maskLogit],
                [0, 0, 1, 0, maskLogit],
              ]),
              requests: [{ canvas, plan }],
            },
            { forbidden },
          ),
        ),
      );
    expect(gradientOf(0)).toEqual(gradientOf(5));
    expect([gradientOf(0)[4], gradientOf(0)[9]]).toEqual([0, 0]);
  });

  it("leaves no gradient and no tensor behind", async () => {
    const before = liveTensors().count;
    await run([canvasOf(0, 4)]);
    expect(liveTensors().count).toBe(before);
  });
});

describe("drawSoftmax", () => {
  it("draws by the softmax, for large scores too", () => {
    const scores = [1000, 1001, 999.5];
    const counts = [0, 0, 0];
    for (let i = 0; i < 5000; i++) counts[drawSoftmax(scores, (i + 0.5) / 5000)]!++;
    softmax(scores).forEach((p, j) => {
      expect(counts[j]! / 5000).toBeCloseTo(p, 3);
    });
    expect([drawSoftmax([0, 0], 0), drawSoftmax([0, 0], 1 - 2 ** -24)]).toEqual([0, 1]);
  });

  it("is drawn anew for every sequence and forward", () => {
    const { judge } = rewardGuidance(judgeNetwork(), { seed: 1 });
    const plan: Plan = { from: 0, to: 1, candidates: Int32Array.of(0), noise: { before: 1, after: 0.5 } };
    const alternatives = Array.from({ length: 4 }, () => ({ commit: [] }));
    const proposal = scriptedProposal([0], [{ token: 1 }]);
    const counts = [0, 0, 0, 0];
    for (let sequence = 0; sequence < 200; sequence++) {
      const canvas = canvasOf(sequence, 1);
      canvas.forwards = 1 + (sequence % 3);
      const question: Question = { canvas, plan, proposal, alternatives };
      counts[(judge([question]) as number[])[0]!]!++;
      expect(canvas.rewarded).toEqual({ forwards: 4, backwards: 0 });
      // Not a number that decides on a column: its position is behind those of the four alternatives.
      const source = { seed: 1, stream: streams.reveal };
      const draw = uniform(source, sequence, canvas.forwards - 1, 4);
      expect((judge([question]) as number[])[0]).toBe(Math.floor(4 * draw));
    }
    const { statistic, degrees } = chiSquare(counts, [0.25, 0.25, 0.25, 0.25]);
    expect(statistic).toBeLessThan(chiSquareLimit(degrees));
  });
});

describe("a tilt", () => {
  it("adds the scale times the gradient, each of its numbers within ±1", () => {
    const steep: RewardNetwork = {
      logits: (input, options) => mul(judgeNetwork().logits(input, options), 100),
    };
    const noise = { before: 1, after: 0.5 };
    const canvas = canvasOf(0, 1);
    const plan: Plan = { from: 0, to: 1, candidates: Int32Array.of(0), noise, rewardScale: 2 };
    const { guide } = rewardGuidance(steep, { seed: 1 });
    const moved = scope(() =>
      toNumbers(
        guide({
          network: student,
          ids_RL: tensor([[maskId]], undefined, { dtype: "int64" }),
          rows_N: tensor([0], undefined, { dtype: "int64" }),
          requests: [{ canvas, plan }],
          options: {},
        }),
      ),
    );
    const shifts = moved.map((logit, v) => logit - table[v]!);
    // Token 1 is worth much more than the mean, token 2 much less.
    expect(shifts[1]).toBeCloseTo(2, 6);
    expect(shifts[2]).toBeCloseTo(-2, 6);
    for (const shift of shifts) expect(Math.abs(shift)).toBeLessThan(2.000001);
    expect(canvas.rewarded).toEqual({ forwards: 1, backwards: 1 });
  });
});

describe("reward-guided sampling", () => {
  it("with scale 0 and one candidate is plain ancestral sampling, draw for draw", async () => {
    for (const fidelity of ["corrected", "released"] as const) {
      const plain = [0, 1, 2].map((i) => canvasOf(i, 12));
      const policy = ancestral({ steps: 6, seed: 2, schedule, fidelity, reuse: false });
      for await (const _ of decode(plain, modelProposer(student, { seed: 2, forbidden }), policy));
      const guided = [0, 1, 2].map((i) => canvasOf(i, 12));
      await run(guided, { scaleStart: 0, scaleEnd: 0, candidates: 1, fidelity });
      expect(idsOf(guided)).toEqual(idsOf(plain));
      for (const { rewarded } of guided) expect(rewarded).toEqual({ forwards: 0, backwards: 0 });
    }
  });

  it("tilts first and chooses then, at the noise levels before and after the step", async () => {
    const calls: { shape: number[]; sigma: number[] }[] = [];
    const canvas = canvasOf(0, 40);
    const steps = await run([canvas], {}, { network: judgeNetwork(calls) });
    const plans = steps.map(([one]) => one!.plan);
    expect(plans.map(({ rewardScale, draws }) => [rewardScale, draws])).toEqual([
      [30, undefined],
      [35, undefined],
      [40, undefined],
      [1, 3],
      [1, 3],
      [1, 3],
    ]);
    expect(calls.map(({ shape }) => shape)).toEqual([
      ...Array(3).fill([1, 40, V]),
      ...Array(3).fill([3, 40]),
    ]);
    calls.forEach(({ sigma }, k) => {
      const { before, after } = plans[k]!.noise!;
      for (const one of sigma) expect(one).toBeCloseTo(k < 3 ? before : after, 6);
    });
    expect(canvas.forwards).toBe(6);
    expect(canvas.rewarded).toEqual({ forwards: 3 + 3 * 3, backwards: 3 });
    expect(isFinished(canvas)).toBe(true);
  });

  it("goes over all steps with its scale, and chooses by it, in the later version", async () => {
    const steps = await run([canvasOf(0, 60)], { version: "2026-02", steps: 5, rerankRatio: 0.4 });
    expect(steps.map(([one]) => one!.plan.rewardScale)).toEqual([30, 32.5, 35, 37.5, 40]);
    const [only] = await run([canvasOf(0, 3)], { version: "2026-02", steps: 1, rerankRatio: 0 });
    expect(only![0]!.plan.rewardScale).toBe(30);
  });

  it("writes more of what is rewarded, by tilting alone and by choosing alone", async () => {
    const reward = (canvases: readonly Canvas[]) =>
      canvases.reduce(
        (total, { ids }) => total + ids.reduce((one, id) => one + toNumbers(value)[id]!, 0) / ids.length,
        0,
      ) / canvases.length;
    const written = async (options: Partial<RewardGuidedOptions>) => {
      const canvases = Array.from({ length: 20 }, (_, i) => canvasOf(i, 20));
      await run(canvases, options);
      return reward(canvases);
    };
    const plain = await written({ scaleStart: 0, scaleEnd: 0, candidates: 1 });
    expect(await written({ scaleStart: 2, scaleEnd: 2, rerankRatio: 0 })).toBeGreaterThan(plain + 0.5);
    expect(await written({ candidates: 6, rerankRatio: 1 })).toBeGreaterThan(plain + 0.2);
  });

  it("gives a sequence the same text alone as beside others, and keeps what was given", async () => {
    const together = [0, 1, 2].map((i) => canvasOf(i, 10, [1, maskId]));
    await run(together);
    for (const [i, one] of together.entries()) {
      const alone = canvasOf(i, 10, [1, maskId]);
      await run([alone]);
      expect([...alone.ids]).toEqual([...one.ids]);
      expect([...one.ids.slice(0, 2)]).toEqual([1, maskId]);
    }
  });

  it("spends one unguided forward at the end in released fidelity, and leaves no mask", async () => {
    const options = { fidelity: "released", drawsTransition: true } as const;
    const canvases = Array.from({ length: 10 }, (_, i) => canvasOf(i, 50));
    const steps = await run(canvases, options, { forbidden: undefined, draw: drawTransition(2) });
    expect(canvases.every(isFinished)).toBe(true);
    for (const { ids } of canvases) expect(ids.includes(maskId)).toBe(false);
    const last = steps.flat().filter(({ plan }) => plan.noise!.after === 0);
    for (const { plan } of last) expect([plan.rewardScale, plan.draws]).toEqual([undefined, undefined]);
  });
});
