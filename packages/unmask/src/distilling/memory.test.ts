import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { type DistillerName, distillers } from "../distill/distillers.ts";
import { freshModel, initialiseFresh, saveFresh } from "../models/fresh.ts";
import type { MemoryPlan } from "../train/plan.ts";
import { distillConfigSchema } from "./config.ts";
import { distillationMemory } from "./memory.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-memory-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const sizes = {
  vocabularySize: 64,
  hiddenSize: 32,
  layers: 4,
  heads: 2,
  length: 32,
  maskId: 63,
  endIds: [0],
};
const folders = Object.fromEntries(
  ["mdlm", "llada", "sdar"].map((family) => {
    const model = freshModel(family, sizes);
    const folder = join(root, family);
    saveFresh(folder, model, initialiseFresh(model, { seed: 1 }));
    return [family, folder];
  }),
);

function planOf(method: DistillerName, family: string, more: object = {}): MemoryPlan {
  const data =
    distillers[method].data === "trajectories" ? { trajectories: { path: "x" } } : { data: { path: "x" } };
  const values = { distill: { method }, model: { path: folders[family] }, ...data, ...more };
  const config = distillConfigSchema(method).parse(values) as Parameters<typeof distillationMemory>[0];
  const { networks: roles } = distillers[method];
  const { graphs = 1 } = distillers[method] as { graphs?: number };
  return distillationMemory(config, {
    folder: folders[family]!,
    roles,
    graphs,
    length: 32,
    products: "float32",
  });
}

const count = (family: string): number => planOf("sft", family).parameters;

describe("memory of a distillation", () => {
  it("has a network for every role, and an optimiser for those that are updated", () => {
    const [one, two] = [planOf("sft", "llada"), planOf("sdtt", "llada")];
    expect(two.parameters).toBe(2 * one.parameters);
    expect(two.trainedParameters).toBe(one.trainedParameters);
    expect(two).toMatchObject({
      weights: 2 * one.weights,
      optimiser: one.optimiser,
      gradients: one.gradients,
    });
    expect(two.logits).toBeGreaterThan(one.logits);
  });

  it("knows that a critic trains in part, and what it has in the place of a head", () => {
    const plan = planOf("didi", "mdlm");
    expect(plan.trainedParameters).toBeGreaterThan(count("mdlm"));
    expect(plan.trainedParameters).toBeLessThan(plan.parameters - count("mdlm"));
    expect(plan.optimiser).toBe(8 * plan.trainedParameters);
  });

  it("keeps two graphs where a method has two forwards of the student, and doubled sequences of block models", () => {
    const [one, two] = [planOf("dparallel", "llada"), planOf("d3llm", "llada")];
    expect(two.activations).toBeGreaterThan(1.5 * one.activations);
    expect(planOf("sft", "sdar").activations).toBeGreaterThan(1.5 * planOf("sft", "llada").activations);
  });

  it("is less with adapters and with recomputed layers", () => {
    const plain = planOf("sft", "llada");
    const adapter = planOf("sft", "llada", { adapter: { rank: 2 } });
    expect(adapter.optimiser).toBeLessThan(plain.optimiser / 5);
    expect(planOf("sft", "llada", { train: { recompute: true } }).activations).toBeLessThan(
      plain.activations,
    );
  });

  it("refuses what does not fit, unless it is on a GPU", () => {
    const train = { batch_size: 2 ** 26 };
    expect(() => planOf("didi", "mdlm", { train })).toThrow(ConfigError);
    expect(planOf("didi", "mdlm", { train, device: "cuda" }).base).toBe(0);
  });
});
