// Objectives through small networks in float64: identities, finite differences, independence of the batch.

import {
  backward,
  copy_,
  gradientOf,
  item,
  noGrad,
  Recompute,
  scope,
  setGradient,
  type Tensor,
  tensor,
  toNested,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { tinyAnswers as answers, tinyNetwork as network, tiny } from "../../test/oracle/tiny-networks.ts";
import { absorbingNoise, type NoiseProcess, uniformNoise } from "../diffusion/noise.ts";
import { logLinear } from "../diffusion/schedule.ts";
import type { Network } from "../models/family.ts";
import { answerBatch } from "./answer-batch.ts";
import { doubledBatch, doubledColumns, noisyResponses } from "./doubled-batch.ts";
import type { Answer, MaskedBatch } from "./masked-batch.ts";
import { maskedLoss } from "./masked-loss.ts";

const { vocabularySize: V, maskId, padId } = tiny;
const schedule = logLinear(0);
const masks = absorbingNoise({ schedule, vocabularySize: V, maskId, maskLogit: true });
const uniform = uniformNoise({ schedule: logLinear(), vocabularySize: V });
const at = (noise: NoiseProcess, t: number): NoiseProcess => ({
  ...noise,
  lossWeight: () => noise.lossWeight(Math.max(t, 1e-3)),
  corrupt: (ids, length, draws) => noise.corrupt(ids, length, { ...draws, times: draws.times.map(() => t) }),
});

interface Change {
  noise?: NoiseProcess;
  padding?: "all" | "first" | "none";
  normalisation?: "answer" | "batch";
}
type Make = (answers: readonly Answer[], examples: number[], change?: Change) => MaskedBatch;
const common = { seed: 1, padId, padding: "none" as const, noise: masks };
const plain =
  (shift: 0 | 1): Make =>
  (some, examples, change = {}) =>
    answerBatch(some, { ...common, examples, shift, ...change });
const doubled: Make = (some, examples, change = {}) => {
  const options = { ...common, examples, blockLength: 3, ...change };
  const columns = doubledColumns(some, options);
  return doubledBatch(columns, noisyResponses(columns, options));
};
const objectives: [string, "sdar" | "dream", Make][] = [
  ["LLaDA's", "sdar", plain(0)],
  ["Dream's", "dream", plain(1)],
  ["block diffusion's", "sdar", doubled],
];
const ids = (values: number[][]) => tensor(values, undefined, { dtype: "int64" });
const lossOf = (model: Network, batch: MaskedBatch, noise: NoiseProcess = masks) =>
  scope(() => noGrad(() => item(maskedLoss(model, batch, { noise }).loss)));

describe.each(objectives)("%s objective", (name, family, make) => {
  const model = network(family);
  const examples = [4, 5, 6];

  it("is plain cross-entropy where all is masked, by the network's logits of every row", () => {
    const [text, promptLength] = [answers[0]!.ids as number[], answers[0]!.promptLength];
    const batch = make([answers[0]!], [4], { noise: at(masks, 1) });
    const losses = toNested(scope(() => maskedLoss(model, batch, { noise: masks }).losses_N)) as number[];
    const masked = text.map((token, i) => (i < promptLength ? token : maskId));
    text.slice(promptLength).forEach((token, i) => {
      // A block sees the clean text before it.
      const column = promptLength + i;
      const start = name.startsWith("block") ? 3 * Math.floor(column / 3) : 0;
      const input = masked
        .map((id, k) => (k < start ? text[k]! : id))
        .slice(0, name.startsWith("block") ? start + 3 : undefined);
      const logits = toNested(model.logits(ids([input]))) as number[][][];
      const row = logits[0]![column - (family === "dream" ? 1 : 0)]!;
      const lse = Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0));
      expect(losses[i]!).toBeCloseTo(lse - row[token]!, 9);
    });
    const mean = losses.reduce((a, b) => a + b, 0) / losses.length;
    expect(lossOf(model, batch)).toBeCloseTo(mean, 6);
  });

  it("is 0, with gradients of 0, where nothing is", () => {
    const batch = make(answers, examples, { noise: at(masks, 0) });
    expect(batch.reads).toHaveLength(0);
    const { loss } = maskedLoss(model, batch, { noise: masks });
    expect(item(loss)).toBe(0);
    backward(loss);
    for (const one of model.parameters.values()) {
      expect(Math.max(0, ...toNumbers(gradientOf(one) ?? tensor([0])).map(Math.abs))).toBe(0);
      setGradient(one, null);
    }
  });

  it.each([
    ["masks", masks],
    ["uniform noise", uniform],
  ])("has with %s the gradient of its finite differences", (_, noise) => {
    const batch = make(answers, examples, { noise });
    const { loss } = maskedLoss(model, batch, { noise });
    backward(loss);
    for (const [, one] of model.parameters) {
      const gradient = gradientOf(one);
      const index = Math.floor(one.size * 0.37);
      const slope = gradient === null ? 0 : toNumbers(gradient)[index]!;
      const numeric = differenceOf(one, index, () => lossOf(model, batch, noise));
      expect(Math.abs(slope - numeric) / (1 + Math.abs(numeric))).toBeLessThan(2e-6);
      setGradient(one, null);
    }
  });

  it("depends neither on the batch, nor its order, nor its padding", () => {
    const long = { ids: Array.from({ length: 13 }, (_, i) => 1 + (i % 9)), promptLength: 10 };
    for (const noise of [masks, uniform]) {
      for (const padding of ["none", "first"] as const) {
        const options = { noise, padding };
        const whole = rowLosses(model, make([...answers, long], [...examples, 7], options), noise);
        const turned = rowLosses(model, make([long, ...answers].reverse(), [6, 5, 4, 7], options), noise);
        // answers came as 0 1 2 long, and come as 2 1 0 long.
        [2, 1, 0, 3].forEach((from, row) => {
          expect(turned[row]).toBeCloseTo(whole[from]!, 9);
        });
        answers.forEach((one, i) => {
          const beside = rowLosses(model, make([one, long], [examples[i]!, 7], options), noise);
          expect(beside[0]!).toBeCloseTo(whole[i]!, 9);
          const alone = rowLosses(model, make([one], [examples[i]!], options), noise);
          expect(alone[0]!).toBeCloseTo(whole[i]!, 9);
        });
        expect(Math.max(...whole)).toBeGreaterThan(0.01);
      }
    }
  });

  it("is the same, gradients and all, where logits are never whole and layers are computed again", () => {
    const batch = make(answers, examples);
    const runs = [{}, { mostLogits: 0 }, { recompute: new Recompute() }].map((options) => {
      const { loss, losses_N } = maskedLoss(model, batch, { noise: masks, ...options });
      backward(loss);
      options.recompute?.finish();
      const gradients = [...model.parameters.values()].flatMap((one) => {
        const gradient = gradientOf(one);
        const numbers = gradient === null ? [] : toNumbers(gradient);
        setGradient(one, null);
        return numbers;
      });
      return [item(loss), ...toNumbers(losses_N), ...gradients];
    });
    for (const other of runs.slice(1)) {
      expect(other).toHaveLength(runs[0]!.length);
      other.forEach((value, i) => {
        expect(Math.abs(value - runs[0]![i]!)).toBeLessThan(1e-10);
      });
    }
  });

  it("sends through the head only the rows it reads", () => {
    const seen: number[] = [];
    const counting: Network = {
      ...model,
      parameters: model.parameters,
      logits: (given, rows, options) => {
        seen.push(rows!.shape[0]!);
        return model.logits(given, rows, options);
      },
    } as Network;
    const batch = make(answers, examples, { noise: at(masks, 0.6) });
    lossOf(counting, batch);
    expect(seen).toEqual([batch.targets.length]);
  });
});

/** What each row adds to the loss. */
function rowLosses(model: Network, batch: MaskedBatch, noise: NoiseProcess): number[] {
  const losses = scope(() => noGrad(() => toNumbers(maskedLoss(model, batch, { noise }).losses_N)));
  const sums = new Array<number>(batch.rows).fill(0);
  losses.forEach((loss, i) => {
    sums[Math.floor(batch.reads[i]! / batch.length)]! += loss * batch.weights[i]!;
  });
  return sums;
}

/** Central difference of a function by one element. */
function differenceOf(parameter: Tensor, index: number, value: () => number): number {
  const step = 1e-5;
  const moved = (change: number) =>
    noGrad(() => {
      const values = toNumbers(parameter);
      values[index] = values[index]! + change;
      write(parameter, values);
      const result = value();
      values[index] = values[index]! - change;
      write(parameter, values);
      return result;
    });
  return (moved(step) - moved(-step)) / (2 * step);
}

function write(parameter: Tensor, values: number[]): void {
  scope(() => copy_(parameter, tensor(Float64Array.from(values), [...parameter.shape])));
}
