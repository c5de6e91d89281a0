// The ways to train in bfloat16 beside float32: the same start, the same batches, how far they come and how far apart.

import {
  AdamW,
  backward,
  convert,
  detach,
  item,
  type ProductDtype,
  scope,
  setRequiresGrad,
  setThreads,
  type Tensor,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import { absorbingNoise } from "../diffusion/noise.ts";
import { logLinear } from "../diffusion/schedule.ts";
import { freshModel, initialiseFresh } from "../models/fresh.ts";
import { adapterParameters, disposeAdapters } from "../models/lora.ts";
import { createAdapters } from "../models/lora-create.ts";
import { answerMethod } from "./masked-method.ts";

setThreads(1);

const model = freshModel("llada", {
  ...{ vocabularySize: 16, hiddenSize: 32, layers: 2, heads: 2, length: 16, maskId: 15, endIds: [14] },
});
const noise = absorbingNoise({ schedule: logLinear(), maskId: 15, vocabularySize: 16 });
const method = answerMethod({ noise, padId: 14, padding: "none", smallestTime: 0.5 });
const next = mulberry32(1);
const examples = Array.from({ length: 8 }, () => ({
  ids: Array.from({ length: 6 }, () => Math.floor(next() * 14)),
  promptLength: 2,
}));
const steps = 30;

interface How {
  weights: "float32" | "bfloat16";
  products: ProductDtype;
  adapters?: boolean;
}

interface Outcome {
  first: number;
  last: number;
  /** float32 values of what was trained, before and after: masters where there are some. */
  before: number[];
  after: number[];
  dtypes: string[];
  baseMoved: boolean;
}

function train({ weights, products, adapters = false }: How): Outcome {
  return scope(() => {
    // Float32 weights begin as the bfloat16 ones do.
    const half = initialiseFresh(model, { seed: 1, dtype: "bfloat16" });
    const base = new Map([...half].map(([name, one]) => [name, copyOf(one, weights, !adapters)]));
    for (const one of half.values()) one.dispose();
    const student = model.family.create(model.config, base);
    const set = adapters ? createAdapters(student, { rank: 4, seed: 2 }) : undefined;
    const trained = set === undefined ? base : adapterParameters(set);
    const baseBefore = [...base.values()].flatMap(toNumbers);
    const optimiser = new AdamW([{ parameters: [...trained.values()] }], { betas: [0.9, 0.99] });
    const values = () =>
      [...trained.values()].flatMap((one, i) => toNumbers(optimiser.state().get(`${i}.master`) ?? one));
    const before = values();
    const losses = Array.from({ length: steps }, (_, step) => {
      const numbers = examples.map((_, i) => step * 8 + i);
      const place = { seed: 2, step, examples: numbers, first: 0, count: 8, progress: 0 };
      const batch = method.prepare(examples, place);
      const context = { place, totals: method.counts(batch), products };
      const loss = scope(() => {
        const parts = method.phases[0]!.loss({ student }, batch, context);
        backward(parts.loss);
        return item(parts.loss);
      });
      optimiser.step(adapters ? 1e-2 : 2e-3);
      optimiser.zeroGradients();
      return loss;
    });
    const mean = (list: number[]) => list.reduce((a, b) => a + b, 0) / list.length;
    const outcome = {
      first: mean(losses.slice(0, 5)),
      last: mean(losses.slice(-5)),
      before,
      after: values(),
      dtypes: [...new Set([...trained.values()].map(({ dtype }) => dtype))],
      baseMoved:
        adapters && [...base.values()].flatMap(toNumbers).some((value, i) => value !== baseBefore[i]),
    };
    optimiser.dispose();
    if (set !== undefined) disposeAdapters(set);
    return outcome;
  });
}

function copyOf(one: Tensor, dtype: How["weights"], wanted: boolean): Tensor {
  const values = convert(convert(one, "float64", undefined), dtype, undefined);
  return setRequiresGrad(detach(values), wanted);
}

/** How far two outcomes lie apart, over how far the first went. */
function apart(one: Outcome, other: Outcome): number {
  const norm = (list: number[]) => Math.hypot(...list);
  const moved = norm(one.after.map((value, i) => value - one.before[i]!));
  return norm(one.after.map((value, i) => value - other.after[i]!)) / moved;
}

describe("training in bfloat16", () => {
  const plain = train({ weights: "float32", products: "float32" });

  it.each([
    ["float32 weights, bfloat16 products", { weights: "float32", products: "bfloat16" }, 0.06],
    ["bfloat16 weights with masters", { weights: "bfloat16", products: "bfloat16" }, 0.06],
    ["bfloat16 weights, float32 products", { weights: "bfloat16", products: "float32" }, 0.03],
  ] as const)("learns as float32 does: %s", (_name, how, tolerance) => {
    const found = train(how);
    expect(found.before).toEqual(plain.before);
    expect(found.dtypes).toEqual([how.weights]);
    expect(found.last).toBeLessThan(found.first / 1.5);
    expect(Math.abs(found.last / plain.last - 1)).toBeLessThan(0.02);
    expect(apart(plain, found)).toBeLessThan(tolerance);
  });

  it("trains float32 adapters beside frozen weights of either dtype", () => {
    const wide = train({ weights: "float32", products: "float32", adapters: true });
    for (const products of ["float32", "bfloat16"] as const) {
      const found = train({ weights: "bfloat16", products, adapters: true });
      expect(found.dtypes).toEqual(["float32"]);
      expect(found.baseMoved).toBe(false);
      expect(found.last).toBeLessThan(found.first / 1.2);
      expect(apart(wide, found)).toBeLessThan(0.08);
    }
  });
});
