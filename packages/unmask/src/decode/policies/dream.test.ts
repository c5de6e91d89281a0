import { describe, expect, it } from "vitest";
import { type Fidelity, readOptions } from "../decoder.ts";
import { canvasOf, chance, policyContract, randomTable, run } from "./contract.ts";
import { type DreamAlgorithm, type DreamOptions, dream, dreamAlgorithms, dreamDecoder } from "./dream.ts";
import { gridQuota } from "./time-grid.ts";

const basis: DreamOptions = {
  algorithm: "entropy",
  steps: 6,
  eps: 1e-3,
  threshold: 0.8,
  seed: 1,
  fidelity: "corrected",
};
const make = (options: Partial<DreamOptions> = {}) => dream({ ...basis, ...options });
const fidelities: Fidelity[] = ["corrected", "released"];

for (const fidelity of fidelities) {
  for (const algorithm of dreamAlgorithms) {
    policyContract(`dream, ${fidelity}, ${algorithm}`, { policy: () => make({ fidelity, algorithm }) });
  }
  policyContract(`dream, ${fidelity}, drawn order`, {
    policy: () => make({ fidelity, orderTemperature: 0.5 }),
  });
  policyContract(`dream, ${fidelity}, more steps than columns`, {
    policy: () => make({ fidelity, steps: 60 }),
  });
}

/** How many columns each step writes. */
function quotas(total: number, steps: number, fidelity: Fidelity, eps = 1e-3): number[] {
  const counts: number[] = [];
  for (let open = total; counts.length < steps; open -= counts.at(-1)!) {
    counts.push(gridQuota(open, total, { step: counts.length, steps, eps, fidelity }));
  }
  return counts;
}

const reveal = async (options: Partial<DreamOptions>, answer = randomTable(2), columns = 12) => {
  const canvas = canvasOf(3 + columns, 3);
  const [taken] = await run([canvas], make(options), answer);
  return { forwards: taken!.length, steps: [...canvas.revealStep.subarray(3)], taken: taken! };
};

describe("the quotas of Dream's grid", () => {
  it.each([
    [256, 256, [0, ...Array(254).fill(1), 2]],
    [512, 512, [0, ...Array(510).fill(1), 2]],
    [256, 128, [1, ...Array(126).fill(2), 3]],
    [256, 64, [3, ...Array(62).fill(4), 5]],
    [256, 8, [31, ...Array(6).fill(32), 33]],
  ])("are cut to integers as published: %i columns, %i steps", (total, steps, expected) => {
    expect(quotas(total, steps, "released")).toEqual(expected);
  });

  it("are as even as eps lets them be when corrected, and never 0", () => {
    expect(quotas(256, 256, "corrected")).toEqual(Array(256).fill(1));
    expect(quotas(256, 8, "corrected")).toEqual(Array(8).fill(32));
    expect(quotas(32, 10, "corrected").reduce((a, b) => a + b)).toBe(32);
    for (const [total, steps] of [
      [256, 64],
      [31, 6],
      [100, 7],
      [512, 300],
    ] as const) {
      const counts = quotas(total, steps, "corrected");
      expect(counts.reduce((a, b) => a + b)).toBe(total);
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
    // What eps leaves is written in the last step.
    expect(quotas(100, 4, "corrected", 0.2)).toEqual([20, 20, 20, 40]);
  });
});

describe("dream", () => {
  it.each([
    ["maskgit_plus", "probability", 1],
    ["topk_margin", "margin", 1],
    ["entropy", "entropy", -1],
  ] as const)("%s writes by %s", async (algorithm, field, sign) => {
    const sure = (column: number) => chance(8, 0, 0, column);
    const answer = (_: number, column: number) => ({
      ...{ token: 1, probability: 0.5, entropy: 0.5, margin: 0.5 },
      [field]: sign * sure(column),
    });
    const { steps } = await reveal({ algorithm, steps: 12 }, answer);
    const columns = steps.map((_, i) => i + 3);
    expect(steps).toEqual(columns.map((a) => columns.filter((b) => sure(b) > sure(a)).length));
  });

  it("asks for the margin only where it counts", () => {
    for (const algorithm of dreamAlgorithms) {
      expect(make({ algorithm }).needsMargin).toBe(algorithm === "topk_margin");
    }
  });

  it("takes its steps, and no more than there are columns", async () => {
    for (const algorithm of ["entropy", "maskgit_plus", "topk_margin"] as DreamAlgorithm[]) {
      for (const steps of [1, 5, 12]) expect((await reveal({ algorithm, steps })).forwards).toBe(steps);
      expect((await reveal({ algorithm, steps: 40 })).forwards).toBe(12);
      expect((await reveal({ algorithm, steps: 40, fidelity: "released" })).forwards).toBe(40);
    }
  });

  it("origin reveals columns by chance, evenly over the steps, and lets a proposal stand", async () => {
    const counts = new Array<number>(4).fill(0);
    for (let seed = 0; seed < 60; seed++) {
      const { taken } = await reveal({ algorithm: "origin", steps: 4, seed }, randomTable(1), 50);
      for (const [step, { decision, plan }] of taken.entries()) {
        counts[step]! += decision.commit.length;
        expect(plan.reuse).toBe(true);
      }
    }
    for (const count of counts) expect(Math.abs(count - 750)).toBeLessThan(120);
  });

  it("draws an order that follows confidence when alg_temp is small, and none when it is large", async () => {
    const answer = (_: number, column: number) => ({ token: 1, entropy: column / 10 });
    const firsts = async (orderTemperature: number) => {
      const counts = new Array<number>(12).fill(0);
      for (let seed = 0; seed < 200; seed++) {
        const { steps } = await reveal({ steps: 12, orderTemperature, seed }, answer);
        counts[steps.indexOf(0)]!++;
      }
      return counts;
    };
    expect((await firsts(1e-3))[0]).toBe(200);
    const spread = await firsts(1e6);
    expect(Math.max(...spread)).toBeLessThan(40);
    // A draw from softmax(-entropy / 0.3): the first of twelve has weight 1 − e^(−1/3), to 2 %.
    const middle = await firsts(0.3);
    expect(Math.abs(middle[0]! / 200 - 0.29)).toBeLessThan(0.1);
  });

  it("confidence_threshold makes what is unsure wait, and adds a step for each that still waits", async () => {
    // The best of a budget of 3 a step is sure enough, nothing else.
    const answer = (_: number, column: number) => ({ token: 1, probability: column / 100 });
    for (const fidelity of fidelities) {
      const { forwards, steps } = await reveal(
        { algorithm: "confidence_threshold", steps: 4, fidelity },
        answer,
      );
      expect(steps).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
      expect(forwards).toBe(12);
    }
    const sure = { algorithm: "confidence_threshold", steps: 4 } as const;
    expect((await reveal(sure, () => ({ token: 1, probability: 0.8 }))).steps).toEqual([
      ...[0, 0, 0, 1, 1, 1],
      ...[2, 2, 2, 3, 3, 3],
    ]);
  });

  it("spends the published code's added steps whether anything waits or not", async () => {
    // Nothing is sure before forward 4, everything from then on.
    const answer = (_: number, __: number, forward: number) => ({
      token: 1,
      probability: forward < 4 ? 0 : 1,
    });
    const options = { algorithm: "confidence_threshold", steps: 4 } as const;
    expect((await reveal(options, answer)).forwards).toBe(5);
    expect((await reveal({ ...options, fidelity: "released" }, answer)).forwards).toBe(12);
  });
});

describe("the decoder dream", () => {
  const context = {
    facts: { family: "dream", endIds: [], shift: 1, contextLength: 64, denoises: true },
    seed: 0,
    fidelity: "released",
    promptLength: 3,
    newTokens: 12,
  } as const;
  const create = (values: Record<string, string | number>, fidelity: Fidelity = "released") =>
    dreamDecoder.create(readOptions(dreamDecoder, values), { ...context, fidelity });

  it("refuses steps that do not divide the text, where the published code does", () => {
    expect(() => create({ alg: "confidence_threshold", steps: 5 })).toThrow(
      /steps is 5 and max_new_tokens 12/,
    );
    expect(() => create({ alg: "confidence_threshold", steps: 5 }, "corrected")).not.toThrow();
    expect(() => create({ alg: "entropy", steps: 5 })).not.toThrow();
  });

  it("filters by top_p before top_k", () => {
    expect(create({ top_p: 0.9, top_k: 5, temperature: 0.1 }).sampling).toEqual({
      ...{ temperature: 0.1, topP: 0.9, topK: 5, topPFirst: true },
    });
  });
});
