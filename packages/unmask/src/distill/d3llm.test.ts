// d3LLM's loss through small networks in float64.

import {
  backward,
  gradientOf,
  item,
  noGrad,
  scope,
  setGradient,
  setRequiresGrad,
  soloWorld,
  type Tensor,
  tensor,
  toNested,
  toNumbers,
} from "@unmask/torch";
import { afterEach, describe, expect, it } from "vitest";
import { differenceOf } from "../../test/oracle/finite-differences.ts";
import { tinyNetwork as network, tiny } from "../../test/oracle/tiny-networks.ts";
import type { Network } from "../models/family.ts";
import { adapterParameters, disposeAdapters } from "../models/lora.ts";
import { createAdapters } from "../models/lora-create.ts";
import type { Place } from "../train/method.ts";
import { RatioBuckets } from "../train/ratio-buckets.ts";
import { takeStep } from "../train/step.ts";
import { Trained } from "../train/trained.ts";
import { type D3llmMethod, d3llmMethod, dparallelMethod } from "./d3llm.ts";
import type { D3llmBatch } from "./d3llm-batch.ts";
import type { D3llmExample } from "./d3llm-hide.ts";
import { d3llmVariants } from "./d3llm-options.ts";

const { maskId, padId } = tiny;
// Answers of tokens that the networks often predict: the certainty term counts what is right.
const examples: D3llmExample[] = [
  { sequence: 0, ids: [1, 2, 3, 4, 2, 4, 2, 3], promptLength: 3, steps: [2, 0, 1, 4, 3], tail: 2 },
  { sequence: 1, ids: [8, 9, 2, 4], promptLength: 2, steps: [1, 0], tail: 1 },
  {
    sequence: 2,
    ids: [4, 4, 2, 9, 7, 6, 5, 1, 2, 3],
    promptLength: 3,
    steps: [0, 1, 2, 3, 6, 5, 4],
    tail: 0,
  },
  { sequence: 3, ids: [5, 2], promptLength: 1, steps: [0], tail: 3 },
  { sequence: 4, ids: [5, 1, 7], promptLength: 3, steps: [], tail: 3 },
];
const numbers = [10, 11, 12, 13, 14];
const place = (change: Partial<Place> = {}): Place => ({
  ...{ seed: 6, step: 0, examples: numbers, first: 0, count: examples.length, progress: 0.5 },
  ...change,
});
const sizes = { progressiveBlockSizes: [4], maxLength: 12 };
type Change = Partial<Parameters<typeof d3llmMethod>[0]>;
const methods = {
  llada: (change: Change = {}) => d3llmMethod({ maskId, padId, shift: 0, ...sizes, ...change }),
  dream: (change: Change = {}) =>
    d3llmMethod({ maskId, padId, shift: 1, ...sizes, answerLength: 6, ...change }),
} as const;
const families = ["llada", "dream"] as const;

function parts(method: D3llmMethod, student: Network, batch: D3llmBatch) {
  const context = { place: place(), totals: method.counts(batch), products: "float32" as const };
  return method.phases[0]!.loss({ student }, batch, context);
}
const lossOf = (method: D3llmMethod, student: Network, batch: D3llmBatch) =>
  scope(() => noGrad(() => item(parts(method, student, batch).loss)));

/** The terms, plainly: forwards of single rows, no shares. */
function plainTerms(
  student: Network,
  batch: D3llmBatch,
  { shift, temperature }: { shift: number; temperature: number },
) {
  return batch.halves.map(({ ids, reads, targets, rows }) => {
    const perRow = Array.from({ length: batch.rows }, () => ({
      ce: [] as number[],
      entropy: [] as number[],
    }));
    for (let row = 0; row < batch.rows; row++) {
      const start = row * batch.length;
      const end =
        batch.real === undefined
          ? batch.length
          : batch.real.subarray(start, start + batch.length).lastIndexOf(1) + 1;
      const fed = tensor([[...ids.subarray(start, start + end)]], undefined, { dtype: "int64" });
      const logits = (toNested(scope(() => noGrad(() => student.logits(fed)))) as number[][][])[0]!;
      reads.forEach((read, i) => {
        if (rows[i] !== row) return;
        const z = logits[read - start]!;
        const soft = (t: number) => {
          const weights = z.map((value) => Math.exp(value / t));
          const total = weights.reduce((a, b) => a + b, 0);
          return weights.map((w) => w / total);
        };
        perRow[row]!.ce.push(-Math.log(soft(1)[targets[i]!]!));
        if (z.indexOf(Math.max(...z)) === targets[i])
          perRow[row]!.entropy.push(soft(temperature).reduce((sum, p) => sum - p * Math.log(p), 0));
        expect(read + shift - start).toBeGreaterThan(0);
      });
    }
    return perRow;
  });
}
const mean = (values: readonly number[]) =>
  values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;

describe.each(families)("d3LLM on %s", (family) => {
  const student = network(family);
  const shift = family === "dream" ? 1 : 0;
  const { entropyWeight, complementaryEntropy } = d3llmVariants[family];
  afterEach(() => {
    for (const one of student.parameters.values()) setGradient(one, null);
  });

  it("is the sum of its terms, means over answers of means over their positions", () => {
    const method = methods[family]();
    const batch = method.prepare(examples, place());
    expect(method.counts(batch)).toMatchObject({ rows: 5, answers: 4, cut: 0, empty: 1 });
    const [first, second] = plainTerms(student, batch, { shift, temperature: 0.5 });
    const over = (rows: NonNullable<typeof first>, what: "ce" | "entropy") =>
      rows.reduce((sum, row) => sum + mean(row[what]), 0) / rows.filter(({ ce }) => ce.length > 0).length;
    const expected = {
      cross_entropy: over(first!, "ce"),
      entropy: over(first!, "entropy"),
      complementary_cross_entropy: over(second!, "ce"),
      complementary_entropy: over(second!, "entropy"),
    };
    expect(Math.max(expected.entropy, expected.complementary_entropy)).toBeGreaterThan(0.01);
    const { loss, terms = {}, positions } = parts(method, student, batch);
    for (const [name, value] of Object.entries(expected)) {
      expect(item(terms[name] as Tensor)).toBeCloseTo(value, 9);
    }
    const entropies = expected.entropy + (complementaryEntropy ? expected.complementary_entropy : 0);
    const total = expected.cross_entropy + expected.complementary_cross_entropy + entropyWeight * entropies;
    expect(item(loss)).toBeCloseTo(total / 4, 9);
    expect(terms.window).toBeCloseTo(4, 9);
    expect(terms.mask_ratio).toBeCloseTo(mean(batch.ratios.slice(0, 4)), 9); // the last row has no answer
    expect(positions!.losses_N.size).toBe(positions!.times.length);
  });

  it("pools a micro-batch's positions in released fidelity", () => {
    const method = methods[family]({ fidelity: "released" });
    const batch = method.prepare(examples, place());
    const [first, second] = plainTerms(student, batch, { shift, temperature: 0.5 });
    const { loss, terms = {} } = parts(method, student, batch);
    const pooled = (rows: typeof first, what: "ce" | "entropy") => mean(rows!.flatMap((row) => row[what]));
    expect(item(terms.cross_entropy as Tensor)).toBeCloseTo(pooled(first, "ce"), 9);
    expect(item(terms.entropy as Tensor)).toBeCloseTo(pooled(first, "entropy"), 9);
    const entropies = pooled(first, "entropy") + (complementaryEntropy ? pooled(second, "entropy") : 0);
    const total = pooled(first, "ce") + pooled(second, "ce") + entropyWeight * entropies;
    expect(item(loss)).toBeCloseTo(total / 4, 9);
  });

  it("has the gradient of its finite differences", () => {
    const method = methods[family]();
    const batch = method.prepare(examples, place());
    const { loss } = parts(method, student, batch);
    backward(loss);
    for (const [, one] of student.parameters) {
      const index = Math.floor(one.size * 0.37);
      const slope = toNumbers(gradientOf(one) ?? tensor([0]))[index] ?? 0;
      const numeric = differenceOf(one, index, () => lossOf(method, student, batch));
      expect(Math.abs(slope - numeric) / (1 + Math.abs(numeric))).toBeLessThan(2e-6);
    }
  });

  it("adds up over micro-batches of any size to the whole batch's loss and update", async () => {
    const results: [number, number, number[]][] = [];
    for (const microBatchSize of [5, 3, 2, 1]) {
      const own = network(family);
      const options = { rate: () => 0.01, betas: [0.9, 0.99], weightDecay: 0 } as const;
      const source = {
        fingerprint: "x",
        count: 5,
        at: async (wanted: readonly number[]) => wanted.map((n) => examples[n % 5]!),
      };
      const job = {
        ...{ method: methods[family](), networks: { student: own }, source, world: soloWorld, seed: 6 },
        ...{ batchSize: 5, microBatchSize, products: "float32" as const },
        trained: new Map([["student", new Trained(own.parameters, options, soloWorld)]]),
      };
      const { phases } = await takeStep(job, { step: 1, progress: 0.5, buckets: new RatioBuckets() });
      const weights = [...own.parameters.values()].flatMap((one) => [...toNumbers(one)]);
      results.push([phases[0]!.loss, phases[0]!.terms.entropy!, weights]);
    }
    const [whole, ...others] = results;
    for (const [loss, entropy, weights] of others) {
      expect(loss).toBeCloseTo(whole![0], 10);
      expect(entropy).toBeCloseTo(whole![1], 10);
      const miss = weights.map((value, i) => Math.abs(value - whole![2][i]!));
      expect(Math.max(...miss)).toBeLessThan(1e-7);
    }
  });

  it("trains adapters alone, where there are any", () => {
    const base = network(family);
    for (const one of base.parameters.values()) setRequiresGrad(one, false);
    const set = createAdapters(base, { rank: 2, seed: 1 });
    const method = methods[family]();
    const { loss } = parts(method, base, method.prepare(examples, place()));
    backward(loss);
    for (const one of base.parameters.values()) expect(gradientOf(one)).toBeNull();
    const up = [...adapterParameters(set)].filter(([name]) => name.includes("lora_B"));
    expect(up).toHaveLength(14); // seven projections of two layers
    for (const [, one] of up)
      expect(Math.max(...toNumbers(gradientOf(one)!).map(Math.abs))).toBeGreaterThan(0);
    disposeAdapters(set);
  });

  it("is 0 with gradients of 0 where there is nothing to learn", () => {
    const method = methods[family]();
    const batch = method.prepare([examples[4]!], place({ examples: [14], count: 1 }));
    const { loss } = parts(method, student, batch);
    expect(item(loss)).toBe(0);
    backward(loss);
    for (const one of student.parameters.values()) {
      expect(Math.max(0, ...toNumbers(gradientOf(one) ?? tensor([0])).map(Math.abs))).toBe(0);
    }
  });
});

describe("the variants", () => {
  it("drops the complementary half for Coder, and the division stays", () => {
    const student = network("dream");
    const base = { maskId, padId, shift: 1 as const, ...sizes };
    const method = d3llmMethod(base, d3llmVariants.coder);
    const batch = method.prepare(examples, place());
    expect(batch.halves).toHaveLength(1);
    const { loss, terms = {} } = parts(method, student, batch);
    const sum = item(terms.cross_entropy as Tensor) + item(terms.entropy as Tensor);
    expect(item(loss)).toBeCloseTo(sum / 4, 9);
    const undivided = d3llmMethod({ ...base, divisor: 1 }, d3llmVariants.coder);
    expect(lossOf(undivided, student, batch)).toBeCloseTo(sum, 9);
  });

  it("is dParallel with random masks of half a window, undivided, certain on both halves", () => {
    for (const family of families) {
      const student = network(family);
      const shift = family === "dream" ? 1 : 0;
      const method = dparallelMethod({ maskId, padId, shift, maxLength: 12 });
      const batch = method.prepare(examples, place());
      expect(batch.ratios.every((ratio) => ratio === 0.5)).toBe(true);
      const { loss, terms = {} } = parts(method, student, batch);
      const term = (name: string) => item(terms[name] as Tensor);
      const weight = family === "dream" ? 1 : 2;
      const total =
        term("cross_entropy") +
        term("complementary_cross_entropy") +
        weight * (term("entropy") + term("complementary_entropy"));
      expect(item(loss)).toBeCloseTo(total, 9);
    }
  });
});
