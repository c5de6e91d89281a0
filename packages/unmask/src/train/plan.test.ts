import {
  AdamW,
  backward,
  cpuMemory,
  emptyCache,
  noGrad,
  type ProductDtype,
  Recompute,
  scope,
  setRequiresGrad,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../base/errors.ts";
import { absorbingNoise } from "../diffusion/noise.ts";
import { logLinear } from "../diffusion/schedule.ts";
import type { FreshSizes } from "../models/family.ts";
import { freshModel, initialiseFresh } from "../models/fresh.ts";
import { adapterParameters, disposeAdapters } from "../models/lora.ts";
import { createAdapters } from "../models/lora-create.ts";
import { memoryLimit } from "../models/memory.ts";
import { trainConfigSchema } from "./config.ts";
import { MovingAverage } from "./ema.ts";
import { maskedLoss } from "./masked-loss.ts";
import { type PlannedNetwork, refuseTooLarge, type TrainingPlan, trainingMemory } from "./plan.ts";
import { runMemory } from "./run-memory.ts";

interface Case {
  readonly family: string;
  readonly sizes?: Partial<FreshSizes>;
  readonly rows: number;
  readonly length: number;
  readonly reads: number;
  readonly dtype?: "float32" | "bfloat16";
  readonly products?: ProductDtype;
  readonly rank?: number;
  readonly averaged?: boolean;
  readonly recompute?: boolean;
  readonly chunked?: boolean;
  readonly biased?: boolean;
  readonly teacher?: boolean;
}

function modelOf({ family, sizes, length }: Case) {
  const small = { vocabularySize: 512, hiddenSize: 128, layers: 4, heads: 4, length };
  const { vocabularySize = 512 } = sizes ?? {};
  return freshModel(family, { ...small, maskId: vocabularySize - 1, endIds: [0], ...sizes } as FreshSizes);
}

function planOf(one: Case): TrainingPlan {
  const { family, config, shapes, facts } = modelOf(one);
  const network: PlannedNetwork = {
    ...{ sizes: family.sizes(config), shapes, vocabularySize: facts.vocabularySize },
    dtype: one.dtype ?? "float32",
    trains: one.rank === undefined ? "weights" : { rank: one.rank },
    averaged: one.averaged ?? false,
  };
  const { rows, length, reads, chunked = false, biased = false, products = "float32" } = one;
  const forward = { network, rows, length, reads, gradient: true, chunked, biased };
  const teacher: PlannedNetwork = { ...network, trains: "nothing", averaged: false };
  const others = one.teacher ? [{ ...forward, network: teacher, gradient: false }] : [];
  return {
    networks: one.teacher ? [network, teacher] : [network],
    phases: [[...others, forward]],
    ...{ products, recompute: one.recompute ?? false, base: 0 },
  };
}

/** What the allocator takes from the system for two steps, the network and its optimiser included. */
function measured(one: Case): number {
  emptyCache();
  const before = cpuMemory().totalBytes;
  const model = modelOf(one);
  const { dtype = "float32", products = "float32", rows, length, reads } = one;
  const networks = [1, 2]
    .slice(0, one.teacher ? 2 : 1)
    .map((seed) => initialiseFresh(model, { seed, dtype }));
  const [student, teacher] = networks.map((parameters) => model.family.create(model.config, parameters));
  for (const value of networks[1]?.values() ?? []) setRequiresGrad(value, false);
  const set = one.rank === undefined ? undefined : createAdapters(student!, { rank: one.rank, seed: 3 });
  if (set !== undefined) for (const value of networks[0]!.values()) setRequiresGrad(value, false);
  const trained = set === undefined ? networks[0]! : adapterParameters(set);
  const optimiser = new AdamW([{ parameters: [...trained.values()] }]);
  const average = one.averaged ? new MovingAverage(trained, 0.9) : undefined;
  const { vocabularySize } = model.facts;
  const maskId = model.facts.maskId!;
  const noise = absorbingNoise({
    schedule: logLinear(),
    vocabularySize,
    maskId,
    maskLogit: model.family.name !== "mdlm",
  });
  const ids = Int32Array.from({ length: rows * length }, (_, i) => i % (vocabularySize - 1));
  const places = Int32Array.from({ length: reads }, (_, i) => Math.floor((i * rows * length) / reads));
  const batch = {
    ...{ rows, length, ids, reads: places, size: reads },
    ...{ targets: places.map((at) => ids[at]!), noisy: places.map(() => maskId) },
    ...{ times: new Float64Array(reads).fill(0.5), weights: new Float64Array(reads).fill(1) },
    real: one.biased ? Uint8Array.from(ids, (_, i) => (i % length < 2 ? 0 : 1)) : undefined,
    allowed: one.biased ? new Uint8Array(length * length).fill(1) : undefined,
  };
  for (let step = 0; step < 2; step++) {
    scope(() => {
      const recompute = one.recompute ? new Recompute() : undefined;
      if (teacher !== undefined) noGrad(() => maskedLoss(teacher, batch, { noise, products }));
      const most = one.chunked ? 0 : Number.POSITIVE_INFINITY;
      backward(maskedLoss(student!, batch, { noise, products, recompute, mostLogits: most }).loss);
      recompute?.finish();
    });
    optimiser.step(1e-4);
    optimiser.zeroGradients();
    average?.update(trained);
  }
  const taken = cpuMemory().totalBytes - before;
  optimiser.dispose();
  if (set !== undefined) disposeAdapters(set);
  const rest = [...networks.flatMap((one) => [...one.values()]), ...(average?.averages.values() ?? [])];
  for (const value of rest) value.dispose();
  return taken;
}

describe("memory of training", () => {
  it.each<Case>([
    { family: "mdlm", rows: 8, length: 128, reads: 512, averaged: true },
    { family: "mdlm", rows: 8, length: 128, reads: 512, products: "bfloat16" },
    { family: "mdlm", rows: 8, length: 128, reads: 512, recompute: true },
    { family: "sdar", rows: 4, length: 192, reads: 256, biased: true, sizes: { keyHeads: 2 } },
    { family: "sdar", rows: 4, length: 128, reads: 256, biased: true, recompute: true },
    {
      family: "llada",
      rows: 4,
      length: 128,
      reads: 256,
      dtype: "bfloat16",
      products: "bfloat16",
      averaged: true,
    },
    { family: "llada", rows: 8, length: 64, reads: 256, rank: 8 },
    { family: "dream", rows: 8, length: 64, reads: 256, rank: 8, dtype: "bfloat16", recompute: true },
    { family: "dream", rows: 8, length: 64, reads: 256, sizes: { vocabularySize: 16_384 } },
    { family: "dream", rows: 8, length: 64, reads: 512, chunked: true, sizes: { vocabularySize: 32_768 } },
    { family: "sdar", rows: 4, length: 128, reads: 256, teacher: true },
  ])("is foreseen to a sixth: %o", (one) => {
    const ratio = trainingMemory(planOf(one)).bytes / measured(one);
    expect(ratio).toBeGreaterThan(5 / 6);
    expect(ratio).toBeLessThan(7 / 6);
  });

  const published: Case = {
    ...{ family: "mdlm", rows: 4, length: 1024, reads: 2048 },
    sizes: { vocabularySize: 50_258, hiddenSize: 768, conditionSize: 128, layers: 12, heads: 12 },
  };

  it("adds up what it lists", () => {
    const plan = trainingMemory({ ...planOf({ ...published, averaged: true }), base: 1000 });
    const n = 169_627_218;
    expect(plan).toMatchObject({ parameters: n, trainedParameters: n, weights: 4 * n, gradients: 4 * n });
    expect(plan).toMatchObject({ optimiser: 8 * n, averages: 4 * n, base: 1000 });
    const { weights, optimiser, averages, gradients, activations, logits, base, bytes } = plan;
    expect(weights + optimiser + averages + gradients + activations + logits + base).toBe(bytes);
    const half = trainingMemory(planOf({ ...published, dtype: "bfloat16" }));
    expect(half).toMatchObject({ weights: 2 * n, gradients: 2 * n, optimiser: 12 * n });
  });

  it("counts the gradients of the phase that takes most, and every network's state", () => {
    const { networks, phases, ...rest } = planOf(published);
    const [forward] = phases[0]!;
    const critic = { ...networks[0]! };
    const plan = trainingMemory({
      ...rest,
      networks: [networks[0]!, critic],
      phases: [[{ ...forward!, network: critic, rows: 1, reads: 10 }], [forward!]],
    });
    const alone = trainingMemory(planOf(published));
    expect(plan.trainedParameters).toBe(2 * alone.trainedParameters);
    expect(plan).toMatchObject({ gradients: alone.gradients, activations: alone.activations });
    expect(plan.bytes).toBe(alone.bytes + alone.weights + alone.optimiser);
  });
});

describe("a run that does not fit", () => {
  const refusal = (available: number, rows = 64) => {
    const at = (recompute: boolean) => (some: number) =>
      trainingMemory(planOf({ family: "mdlm", rows: some, length: 128, reads: 64 * some, recompute }));
    try {
      refuseTooLarge(at(false), { rows, available, recomputed: at(true) });
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      return { message: (error as ConfigError).message, at };
    }
    return undefined;
  };

  it("is accepted if it does", () => {
    expect(refusal(2 ** 40)).toBeUndefined();
  });

  it("is refused with both sizes, and with remedies that fit", () => {
    const available = 300 * 2 ** 20;
    const { message, at } = refusal(available)!;
    expect(message).toMatch(
      /^a forward of 64 examples needs about \d+\.\d GiB of memory and there are 0\.3; use /,
    );
    const [, plain, recomputed] =
      /micro_batch_size=(\d+) or less, or train\.recompute=true(?: with train\.micro_batch_size=(\d+))?$/.exec(
        message,
      )!;
    expect(at(false)(Number(plain)).bytes).toBeLessThanOrEqual(0.9 * available);
    expect(at(false)(Number(plain) + 1).bytes).toBeGreaterThan(0.9 * available);
    expect(at(true)(Number(recomputed ?? 64)).bytes).toBeLessThanOrEqual(0.9 * available);
  });

  it("is told to be smaller where one example is too much", () => {
    expect(refusal(2 ** 20)!.message).toMatch(/use a smaller model, shorter rows or an adapter$/);
  });

  it("is found out from the configuration, for the micro-batch and with the doubled sequence", () => {
    const model = modelOf({ family: "sdar", rows: 1, length: 128, reads: 1 });
    const run = { model, rowLength: 128, products: "float32" } as const;
    const config = (train: object) => trainConfigSchema.parse({ data: { path: "x" }, train });
    const plan = runMemory(config({ batch_size: 8 }), { ...run, kind: "answers" });
    expect(
      runMemory(config({ batch_size: 64, micro_batch_size: 8 }), { ...run, kind: "answers" }).activations,
    ).toBe(plan.activations);
    expect(runMemory(config({ batch_size: 8 }), { ...run, kind: "blocks" }).activations).toBeGreaterThan(
      2 * plan.activations,
    );
    expect(
      runMemory(config({ batch_size: 8, recompute: true }), { ...run, kind: "answers" }).activations,
    ).toBeLessThan(plan.activations);
    expect(plan.averages).toBe(4 * plan.parameters);
    const huge = config({ batch_size: 2 ** 24 });
    expect(() => runMemory(huge, { ...run, kind: "answers" })).toThrow(ConfigError);
    expect(() => runMemory({ ...huge, device: "cuda" }, { ...run, kind: "answers" })).not.toThrow();
    expect(memoryLimit()).toBeGreaterThan(plan.bytes);
  });
});
