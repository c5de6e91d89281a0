// Numbers that T3D's paper and code stand for, each from the published sizes.

import { describe, expect, it } from "vitest";
import { tinyFacts } from "../../test/oracle/tiny-trajectories.ts";
import { evenShare } from "../decode/policies/select.ts";
import { doubledLength, doubledStructure } from "../diffusion/doubled.ts";
import { ratioProbabilities } from "../diffusion/trace-corruption.ts";
import { sdar } from "../models/sdar.ts";
import { t3dDefaults, t3dSettings } from "./t3d-options.ts";

describe("T3D's constants", () => {
  it("who sees whom with a prompt of 3, a response of 8 and blocks of 4", () => {
    const shape = { promptColumns: 3, responseColumns: 8, blockLength: 4 };
    const length = doubledLength(shape);
    const lines = Array.from({ length }, (_, q) =>
      [...doubledStructure(shape).subarray(q * length, (q + 1) * length)].join(""),
    );
    const rows = (count: number, prompt: string, clean: string, noisy: string) =>
      Array<string>(count).fill(prompt + clean + noisy);
    expect(lines).toEqual([
      ...rows(3, "111", "00000000", "00000000"),
      ...rows(4, "111", "11110000", "00000000"),
      ...rows(4, "111", "11111111", "00000000"),
      ...rows(4, "111", "00000000", "11110000"),
      ...rows(4, "111", "11110000", "00001111"),
    ]);
  });

  it("linear path weights are an answer's own, in every fidelity", () => {
    const averages = (["corrected", "released", "paper"] as const).map((fidelity) => {
      const { states } = t3dSettings(tinyFacts, { fidelity, pathWeights: "linear", pathAverage: "batch" });
      return [states.path?.weights, states.path?.average];
    });
    expect(averages).toEqual(Array(3).fill(["linear", "answer"]));
    expect(t3dSettings(tinyFacts, { fidelity: "released" }).states.path?.average).toBe("batch");
  });

  it("mask ratios 1, 3/4, 1/2, 1/4 by their eighth power", () => {
    const found = ratioProbabilities([1, 0.75, 0.5, 0.25], 8);
    [0.90577, 0.09068, 0.00354].forEach((probability, i) => {
      expect(found[i]).toBeCloseTo(probability, 5);
    });
    expect(found[3]).toBeCloseTo(0.0000138, 7);
  });

  it("tokens of each step for blocks of 4", () => {
    expect(
      [1, 2, 3, 4].map((steps) => Array.from({ length: steps }, (_, i) => evenShare(4, steps, i))),
    ).toEqual([[4], [2, 2], [2, 1, 1], [1, 1, 1, 1]]);
  });

  it("SDAR-4B: 399 tensors, 4,411,424,256 parameters", () => {
    const values = {
      ...{ model_type: "sdar", hidden_size: 2560, intermediate_size: 9728, num_hidden_layers: 36 },
      ...{ num_attention_heads: 32, num_key_value_heads: 8, head_dim: 128, vocab_size: 151_936 },
      ...{ attention_bias: false, tie_word_embeddings: false, rms_norm_eps: 1e-6, rope_theta: 1e6 },
    };
    const shapes = sdar.shapes(sdar.readConfig({ path: "config.json", values }));
    expect(shapes.size).toBe(399);
    const sizes = [...shapes.values()].map((shape) => shape.reduce((a, b) => a * b, 1));
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(4_411_424_256);
  });

  it("what was shipped: α, β, λ, k, blocks, ratios, random tokens, padding, rounds", () => {
    for (const fidelity of ["corrected", "released"] as const) {
      const { states, rounds, ...settings } = t3dSettings(tinyFacts, { fidelity });
      expect(settings).toMatchObject({ alpha: 0.5, beta: 0.1, lambdaPath: 0.2, logRatio: "mean" });
      expect(rounds).toMatchObject({ interval: 10, refresh: "latest" });
      expect(states).toMatchObject({
        ...{ blockLength: 8, maskRatios: [1, 0.75, 0.5, 0.25], maskRatioExponent: 8 },
        ...{ randomRatio: 0.1, postNum: 2, path: { k: 4, weights: "nested" } },
      });
    }
    expect(t3dDefaults.corrected).toMatchObject({ traceHides: "latest", states: "fresh" });
    expect(t3dDefaults.released).toMatchObject({ traceHides: "earliest", states: "frozen" });
    expect(t3dDefaults.paper).toMatchObject({ alpha: 1, beta: 1, logRatio: "sum", pathWeights: "linear" });
    expect(t3dDefaults.paper).toMatchObject({
      ...{ refresh: "best", lambdaPath: 0.2, traceHides: "latest", referenceTemp: 1 },
    });
  });
});
