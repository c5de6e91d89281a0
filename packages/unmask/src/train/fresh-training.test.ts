// Fresh networks of the transformer families learn: 32 answers by heart, each family by its own objective.

import { AdamW, backward, clipGradients, item, Recompute, scope, setThreads, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import { absorbingNoise } from "../diffusion/noise.ts";
import { logLinear } from "../diffusion/schedule.ts";
import type { FreshSizes } from "../models/family.ts";
import { freshModel, initialiseFresh } from "../models/fresh.ts";
import { answerMethod, blockMethod, type MaskedMethod } from "./masked-method.ts";

setThreads(1);

const vocabularySize = 32;
const sizes: FreshSizes = {
  ...{ vocabularySize, hiddenSize: 128, layers: 4, heads: 4, innerSize: 256, length: 32 },
  ...{ maskId: 31, endIds: [30] },
};
const noise = absorbingNoise({ schedule: logLinear(), maskId: 31, vocabularySize });
const options = { noise, padId: 30, padding: "none", normalisation: "batch", smallestTime: 0.5 } as const;

const next = mulberry32(1);
const examples = Array.from({ length: 32 }, () => ({
  ids: Array.from({ length: 8 }, () => Math.floor(next() * 30)),
  promptLength: 4,
}));

interface Result {
  parameters: number;
  /** Mean cross-entropy of the noised tokens, unweighted, of every step. */
  losses: number[];
}

function learn(family: string, method: MaskedMethod, steps: number): Result {
  const model = freshModel(family, sizes);
  const parameters = initialiseFresh(model, { seed: 1 });
  const student = model.family.create(model.config, parameters);
  const optimiser = new AdamW([{ parameters: [...parameters.values()] }], { betas: [0.9, 0.99] });
  const losses = Array.from({ length: steps }, (_, step) => {
    const numbers = examples.map((_, i) => step * examples.length + i);
    const place = {
      seed: 2,
      step,
      examples: numbers,
      first: 0,
      count: examples.length,
      progress: step / steps,
    };
    const batch = method.prepare(examples, place);
    const recompute = new Recompute();
    const mean = scope(() => {
      const context = { place, totals: method.counts(batch), products: "float32", recompute } as const;
      const { loss, positions } = method.phases[0]!.loss({ student }, batch, context);
      backward(loss);
      recompute.finish();
      expect(Number.isFinite(item(loss))).toBe(true);
      const values = toNumbers(positions!.losses_N);
      return values.reduce((a, b) => a + b, 0) / values.length;
    });
    clipGradients([...parameters.values()], 1);
    optimiser.step(3e-3 * Math.min(1, (step + 1) / 10));
    optimiser.zeroGradients();
    return mean;
  });
  const result = { parameters: [...parameters.values()].reduce((sum, { size }) => sum + size, 0), losses };
  optimiser.dispose();
  for (const one of parameters.values()) one.dispose();
  return result;
}

describe("a fresh network", () => {
  it.each([
    ["sdar", blockMethod({ ...options, blockLength: 4 })],
    ["llada", answerMethod(options)],
    ["dream", answerMethod({ ...options, shift: 1 })],
  ] as const)(
    "of %s learns 32 answers by heart",
    (family, method) => {
      const { parameters, losses } = learn(family, method, 36);
      expect(parameters).toBeGreaterThan(600_000);
      // At first as good as guessing.
      expect(Math.abs(losses[0]! / Math.log(vocabularySize) - 1)).toBeLessThan(0.25);
      expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2.5);
    },
    60_000,
  );
});
