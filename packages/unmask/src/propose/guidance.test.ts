// Classifier-free guidance against plain float64 arithmetic on a tiny network.

import {
  add,
  div,
  embedding,
  indexSelect,
  matmul,
  mul,
  reshape,
  sumDim,
  type Tensor,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { type Canvas, newCanvas, openColumns } from "../decode/canvas.ts";
import { chance } from "../decode/policies/contract.ts";
import type { ForwardOptions } from "../models/family.ts";
import type { KeyValueCache } from "../models/parts/cache.ts";
import { classifierFree } from "./guidance.ts";
import { type Denoiser, modelProposer } from "./propose.ts";

const [V, D] = [7, 5];
const mask = 6;
const table = Array.from({ length: V * D }, (_, i) => 2 * chance(1, 0, 0, i) - 1);
const head = Array.from({ length: D * V }, (_, i) => 4 * chance(2, 0, 0, i) - 2);

/** Every position sees the mean of all real ones, and itself. */
function network(calls: number[][]): Denoiser {
  const table_VD = tensor(table, [V, D], { dtype: "float32" });
  const head_DV = tensor(head, [D, V], { dtype: "float32" });
  return {
    logits(ids_BL: Tensor, rows_N?: Tensor, { padding }: ForwardOptions = {}) {
      calls.push([...ids_BL.shape]);
      const [B, L] = ids_BL.shape as [number, number];
      const embedded_BLD = embedding(table_VD, ids_BL);
      const real_BL1 =
        padding === undefined
          ? tensor(new Float32Array(B * L).fill(1), [B, L, 1])
          : tensor(Float32Array.from(toNumbers(padding)), [B, L, 1]);
      const sum_B1D = sumDim(mul(embedded_BLD, real_BL1), 1, { keepdim: true });
      const mean_B1D = div(sum_B1D, sumDim(real_BL1, 1, { keepdim: true }));
      const hidden_BLD = add(mul(embedded_BLD, 0.5), mean_B1D);
      const picked_ND = indexSelect(reshape(hidden_BLD, [B * L, D]), 0, rows_N!);
      return matmul(picked_ND, head_DV);
    },
  };
}

function oracleLogits(ids: ArrayLike<number>, column: number): number[] {
  const embed = (id: number, d: number) => table[id * D + d]!;
  const all = Array.from(ids);
  const hidden = Array.from({ length: D }, (_, d) => {
    const mean = all.reduce((sum, id) => sum + embed(id, d), 0) / all.length;
    return 0.5 * embed(all[column]!, d) + mean;
  });
  return Array.from({ length: V }, (_, v) => hidden.reduce((sum, h, d) => sum + h * head[d * V + v]!, 0));
}

/** Probability of the best token, and entropy, of the guided logits. */
function oracle(canvas: Canvas, column: number, scale: number) {
  const free = Array.from(canvas.ids, (id, i) => (canvas.given[i] === 1 ? mask : id));
  const z = oracleLogits(canvas.ids, column);
  const u = oracleLogits(free, column);
  const guided = u.map((one, v) => one + (scale + 1) * (z[v]! - one));
  const total = guided.reduce((sum, one) => sum + Math.exp(one), 0);
  const probabilities = guided.map((one) => Math.exp(one) / total);
  return {
    best: guided.indexOf(Math.max(...guided)),
    probability: Math.max(...probabilities),
    entropy: probabilities.reduce((sum, p) => sum - p * Math.log(p), 0),
  };
}

const canvases = () => [
  newCanvas({ length: 6, noiseId: mask, prompt: [1, 3], given: new Map([[4, 2]]) }),
  newCanvas({ length: 9, noiseId: mask, sequence: 1, prompt: [0, mask, 5, 4] }),
];

describe("classifier-free guidance", () => {
  it.each([0, 0.5, 3])("is un + (scale + 1)(z − un), in one batch: scale %d", async (scale) => {
    const calls: number[][] = [];
    const proposer = modelProposer(network(calls), {
      seed: 1,
      sampling: { temperature: 0 },
      takesPadding: true,
      guide: classifierFree(scale),
    });
    const both = canvases();
    const requests = both.map((canvas) => ({
      canvas,
      plan: { from: 0, to: canvas.length, candidates: openColumns(canvas) },
    }));
    const proposals = await proposer.propose(requests);
    expect(calls).toEqual([[4, 9]]);
    both.forEach((canvas, row) => {
      expect(canvas.forwards).toBe(1);
      const { columns, token, plainProbability, plainEntropy } = proposals[row]!;
      expect(columns).toEqual(openColumns(canvas));
      columns.forEach((column, i) => {
        const expected = oracle(canvas, column, scale);
        expect(token[i]).toBe(expected.best);
        expect(plainProbability[i]).toBeCloseTo(expected.probability, 5);
        expect(plainEntropy[i]).toBeCloseTo(expected.entropy, 5);
      });
    });
  });

  it("refuses a cache", () => {
    const [canvas] = canvases() as [Canvas];
    const ids_RL = tensor(new BigInt64Array(6), [1, 6]);
    const plan = { from: 0, to: 6, candidates: openColumns(canvas) };
    const options = { cache: { cache: {} as KeyValueCache } };
    const guide = classifierFree(1);
    expect(() =>
      guide({ network: network([]), ids_RL, rows_N: ids_RL, requests: [{ canvas, plan }], options }),
    ).toThrow(/without a cache/);
  });
});
