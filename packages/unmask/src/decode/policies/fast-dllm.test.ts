import { describe, expect, it } from "vitest";
import { type Fidelity, type OptionValues, readOptions } from "../decoder.ts";
import { canvasOf, chance, policyContract, run } from "./contract.ts";
import { byFactor, type FastDllmOptions, fastDllm, fastDllmDecoder } from "./fast-dllm.ts";
import { blockCaches } from "./turns.ts";

const basis: FastDllmOptions = {
  rule: { kind: "threshold", threshold: 0.7 },
  blockLength: 6,
  cache: "none",
  remasking: "low_confidence",
  seed: 1,
  fidelity: "corrected",
};
const make = (options: Partial<FastDllmOptions> = {}) => fastDllm({ ...basis, ...options });
const rules: FastDllmOptions["rule"][] = [
  basis.rule,
  { kind: "factor", factor: 1 },
  { kind: "quota", steps: 9 },
];

for (const fidelity of ["corrected", "released"] as const) {
  for (const cache of blockCaches) {
    for (const rule of rules) {
      policyContract(`fast_dllm, ${fidelity}, ${cache}, ${rule.kind}`, {
        policy: () => make({ fidelity, cache, rule }),
      });
    }
  }
  policyContract(`fast_dllm, ${fidelity}, random`, { policy: () => make({ fidelity, remasking: "random" }) });
}

/** The factor rule said in words of its own: how many of the sorted confidences are written. */
function countByFactor(confidences: number[], factor: number, isReleased: boolean): number {
  const sorted = [...confidences].sort((a, b) => b - a);
  let written = 1;
  while (written < sorted.length && sorted[written]! >= 1 - factor / (written + 2)) written++;
  return isReleased && written === sorted.length - 1 ? sorted.length : written;
}

const feeds = async (options: Partial<FastDllmOptions>, probability = 0) => {
  const [taken] = await run([canvasOf(16, 4)], make(options), () => ({ token: 1, probability }));
  return taken!.map(({ plan: { from, to, cache }, decision }) => [from, to, cache, decision.commit.length]);
};

describe("fast_dllm", () => {
  it.each(["corrected", "released"] as Fidelity[])("writes by the factor rule (%s)", (fidelity) => {
    for (let i = 0; i < 400; i++) {
      const confidences = Array.from({ length: 1 + (i % 7) }, (_, k) => 1 - chance(i, 0, 0, k) ** 2);
      const factor = 2 * chance(i, 1, 0, 0);
      const found = byFactor(confidences, factor, fidelity);
      expect(found).toHaveLength(countByFactor(confidences, factor, fidelity === "released"));
      const lowest = Math.min(...found.map((k) => confidences[k]!));
      expect(confidences.filter((one) => one > lowest)).toHaveLength(found.length - 1);
    }
    expect(byFactor([0.5, 0.5, 0.5], 2, fidelity)).toEqual([0, 1, 2]);
    expect(byFactor([0.5, 0.5, 0.5], 0.1, fidelity)).toEqual([0]);
    expect(byFactor([], 1, fidelity)).toEqual([]);
  });

  it("writes the last candidate too if it is the first to fail, as published", () => {
    expect(byFactor([0.9, 0.1], 0.5, "corrected")).toEqual([0]);
    expect(byFactor([0.9, 0.1], 0.5, "released")).toEqual([0, 1]);
  });

  it("writes all that is sure enough, and one at least; equal ones are sure enough", async () => {
    const sure = [0.5, 0.2, 0.75, 0.5, 0.4, 0.45];
    const canvas = canvasOf(10, 4);
    await run([canvas], make({ rule: { kind: "threshold", threshold: 0.5 } }), (_, column) => ({
      token: 1,
      probability: sure[column - 4]!,
    }));
    expect([...canvas.revealStep.subarray(4)]).toEqual([0, 3, 0, 0, 2, 1]);
  });

  it("feeds the canvas for a block's first forward, then what its cache leaves", async () => {
    const rule = { kind: "quota", steps: 4 } as const;
    expect(await feeds({ rule })).toEqual(Array(4).fill([0, 16, undefined, 3]));
    expect(await feeds({ rule, cache: "prefix" })).toEqual([
      [0, 16, { truncate: 0, keep: 4 }, 3],
      [4, 16, { keep: 0 }, 3],
      [0, 16, { truncate: 0, keep: 10 }, 3],
      [10, 16, { keep: 0 }, 3],
    ]);
    expect(await feeds({ rule, cache: "dual" })).toEqual([
      [0, 16, { truncate: 0, keep: 16 }, 3],
      [4, 10, { at: 4, keep: 6 }, 3],
      [0, 16, { truncate: 0, keep: 16 }, 3],
      [10, 16, { at: 10, keep: 6 }, 3],
    ]);
  });

  it("leaves a full block at once; the published cached code looks at it again", async () => {
    const count = async (options: Partial<FastDllmOptions>) => (await feeds(options, 1)).length;
    const factor = { kind: "factor", factor: 1 } as const;
    expect(await count({ cache: "dual" })).toBe(2);
    expect(await count({ cache: "dual", fidelity: "released" })).toBe(4);
    expect(await count({ cache: "prefix", fidelity: "released" })).toBe(4);
    expect(await count({ cache: "none", fidelity: "released" })).toBe(2);
    expect(await count({ cache: "dual", fidelity: "released", rule: factor })).toBe(2);
  });
});

describe("the decoder fast_dllm", () => {
  const context = {
    facts: { family: "llada", endIds: [], shift: 0, contextLength: 64, denoises: true },
    seed: 0,
    fidelity: "corrected",
    promptLength: 4,
    newTokens: 12,
  } as const;
  const forwards = async (values: OptionValues) => {
    const { policy } = fastDllmDecoder.create(readOptions(fastDllmDecoder, values), context);
    const [taken] = await run([canvasOf(16, 4)], policy, () => ({ token: 1, probability: 0.85 }));
    return taken!.length;
  };

  it("goes by a threshold of 0.9 unless it is told otherwise", async () => {
    expect(await forwards({})).toBe(12);
    expect(await forwards({ threshold: 0.8 })).toBe(1);
    expect(await forwards({ steps: 3 })).toBe(3);
    expect(await forwards({ steps: 3, threshold: 0.9 })).toBe(12);
    expect(await forwards({ factor: 12 })).toBe(1);
  });

  it("refuses two rules", () => {
    const values = readOptions(fastDllmDecoder, { threshold: 0.9, factor: 1 });
    expect(() => fastDllmDecoder.create(values, context)).toThrow(/two rules/);
  });
});
