import { describe, expect, it } from "vitest";
import { type DecoderContext, readOptions } from "../decoder.ts";
import { canvasOf, policyContract, randomTable, run } from "./contract.ts";
import {
  blockAlgorithms,
  type FastDllmDreamOptions,
  fastDllmDream,
  fastDllmDreamDecoder,
} from "./fast-dllm-dream.ts";

const basis: FastDllmDreamOptions = {
  algorithm: "confidence_threshold",
  threshold: 0.7,
  steps: 9,
  eps: 1e-3,
  blockLength: 6,
  cache: "dual",
  seed: 1,
  fidelity: "corrected",
};
const make = (options: Partial<FastDllmDreamOptions> = {}) => fastDllmDream({ ...basis, ...options });

for (const fidelity of ["corrected", "released"] as const) {
  for (const algorithm of blockAlgorithms) {
    policyContract(`fast_dllm_dream, ${fidelity}, ${algorithm}`, {
      policy: () => make({ fidelity, algorithm, cache: algorithm === "entropy" ? "prefix" : "dual" }),
    });
  }
  policyContract(`fast_dllm_dream, ${fidelity}, drawn order, no cache`, {
    policy: () => make({ fidelity, algorithm: "entropy", orderTemperature: 1, cache: "none" }),
  });
}

const reveal = async (options: Partial<FastDllmDreamOptions>, answer = randomTable(3)) => {
  const canvas = canvasOf(15, 3);
  const [taken] = await run([canvas], make(options), answer);
  return { steps: [...canvas.revealStep.subarray(3)], taken: taken! };
};

const sure = () => ({ token: 1, probability: 0.9 });

describe("fast_dllm_dream", () => {
  it("writes a block in one forward when all is sure; published, its first column and then the rest", async () => {
    expect((await reveal({}, sure)).steps).toEqual([...Array(6).fill(0), ...Array(6).fill(1)]);
    const { steps, taken } = await reveal({ fidelity: "released" }, sure);
    expect(steps).toEqual([0, ...Array(5).fill(1), 2, ...Array(5).fill(3)]);
    expect(taken.map(({ plan }) => [plan.from, plan.to, plan.candidates.length])).toEqual([
      [0, 15, 1],
      [3, 9, 5],
      [0, 15, 1],
      [9, 15, 5],
    ]);
  });

  it("counts steps for the text; published, for each block and from its second forward on", async () => {
    const algorithm = "entropy";
    expect((await reveal({ algorithm, steps: 6 })).taken).toHaveLength(6);
    const { taken } = await reveal({ algorithm, steps: 4, fidelity: "released" });
    // 5 open columns, shares 1 − t2/t1 and 1 − t3/t2 of what is left, then the rest.
    expect(taken.map(({ decision }) => decision.commit.length)).toEqual([1, 1, 1, 3, 1, 1, 1, 3]);
  });

  it("goes by what the algorithm's name says; published, by entropy", async () => {
    const answer = (_: number, column: number) => ({
      ...{ token: 1, probability: column / 20, entropy: column / 20, margin: column / 20 },
    });
    /** Whether column 1 comes before the last one; column 0 is forced in the published code. */
    const goesUp = async (options: Partial<FastDllmDreamOptions>) => {
      const { steps } = await reveal({ steps: 12, blockLength: 12, ...options }, answer);
      return steps[1]! < steps[11]!;
    };
    for (const algorithm of ["maskgit_plus", "topk_margin"] as const) {
      expect(await goesUp({ algorithm })).toBe(false);
      expect(await goesUp({ algorithm, fidelity: "released" })).toBe(true);
    }
    expect(await goesUp({ algorithm: "entropy" })).toBe(true);
  });

  it("takes an entropy equal to the threshold, and the published code does not", async () => {
    const answer = () => ({ token: 1, entropy: 0.5 });
    const forwards = async (fidelity: FastDllmDreamOptions["fidelity"]) =>
      (await reveal({ algorithm: "entropy_threshold", threshold: 0.5, fidelity }, answer)).taken.length;
    expect(await forwards("corrected")).toBe(2);
    expect(await forwards("released")).toBe(12);
  });
});

describe("the decoder fast_dllm_dream", () => {
  const context: DecoderContext = {
    facts: { family: "dream", endIds: [], shift: 1, contextLength: 64, denoises: true },
    seed: 0,
    fidelity: "released",
    promptLength: 3,
    newTokens: 12,
  };
  const create = (
    values: Record<string, string | number>,
    fidelity: DecoderContext["fidelity"] = "released",
  ) => fastDllmDreamDecoder.create(readOptions(fastDllmDreamDecoder, values), { ...context, fidelity });

  it("refuses what the published code cannot do", () => {
    expect(() => create({ block_length: 5 })).toThrow(/must divide/);
    expect(() => create({ alg: "entropy", steps: 1 })).toThrow(/steps is 1/);
    expect(() => create({ alg: "confidence_threshold", steps: 1 })).not.toThrow();
    expect(() => create({ alg: "entropy", steps: 1, block_length: 5 }, "corrected")).not.toThrow();
  });

  it("has a threshold of 0.9 as a probability and of 0.45 in nats", async () => {
    const forwards = async (alg: string, answer: { probability?: number; entropy?: number }) => {
      const { policy } = create({ alg }, "corrected");
      return (await run([canvasOf(15, 3)], policy, () => ({ token: 1, ...answer })))[0]!.length;
    };
    expect(await forwards("confidence_threshold", { probability: 0.91 })).toBe(1);
    expect(await forwards("confidence_threshold", { probability: 0.89 })).toBe(12);
    expect(await forwards("entropy_threshold", { entropy: 0.45 - 1e-6 })).toBe(1);
    expect(await forwards("entropy_threshold", { entropy: 0.46 })).toBe(12);
  });
});
