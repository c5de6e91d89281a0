// The critic's loss against its formula in plain numbers, and what its gradient reaches.

import {
  backward,
  gradientOf,
  item,
  noGrad,
  scope,
  setGradient,
  type Tensor,
  toNested,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { answers, maskId, tinyCritic, tinyMdlm, tinyOptions } from "../../../test/distill/didi-subjects.ts";
import { sigma } from "../../diffusion/schedule.ts";
import { discriminatorTrainable } from "../../models/discriminator.ts";
import { type Critic, criticLogits, criticLoss } from "./critic.ts";
import type { DidiSettings } from "./options.ts";
import { countsOf, hide, planTexts } from "./prepare.ts";
import { type DidiBatch, rollOut } from "./rollout.ts";

const student = tinyMdlm(1, "float32");
const critic = tinyCritic(3);
const batchOf = (settings: Partial<DidiSettings> = {}, numbers = [3, 4, 8, 9], some = answers): DidiBatch => {
  const options = tinyOptions(settings);
  const plan = planTexts(some, { seed: 2, examples: numbers }, options);
  return scope(() => noGrad(() => rollOut({ student, teacher: student }, plan, { options })));
};

interface Call {
  readonly ids: number[][];
  readonly sigma: number[];
  readonly logits: number[][];
  readonly iterate: boolean;
}

const watched = (calls: Call[]): Critic => ({
  parameters: critic.parameters,
  logits(ids, options) {
    const logits = critic.logits(ids, options);
    calls.push({
      ids: toNested(ids) as number[][],
      sigma: toNumbers(options.sigma_B),
      logits: toNested(logits) as number[][],
      iterate: options.iterate === true,
    });
    return logits;
  },
});

const lossOf = (
  batch: DidiBatch,
  settings: Partial<DidiSettings> = {},
  calls: Call[] = [],
  iterate = false,
) =>
  scope(() =>
    noGrad(() => {
      const options = tinyOptions(settings);
      const { loss, terms = {} } = criticLoss(watched(calls), batch, {
        options,
        totals: countsOf(batch),
        iterate,
      });
      const number = (one: Tensor | number | undefined) => item(one as Tensor);
      return {
        loss: item(loss),
        real: number(terms.real),
        fake: number(terms.fake),
        accuracy: number(terms.accuracy),
      };
    }),
  );

/** Mean over hidden positions of BCE(logit, target). */
function oracle(logits: number[][], hidden: Int32Array, target: number): number {
  const losses = Array.from(hidden, (flat) => {
    const probability = 1 / (1 + Math.exp(-logits.flat()[flat]!));
    return -target * Math.log(probability) - (1 - target) * Math.log(1 - probability);
  });
  return losses.reduce((sum, one) => sum + one, 0) / losses.length;
}

describe("the critic's loss", () => {
  it("is the smoothed cross-entropy at hidden positions, half of each side", () => {
    const batch = batchOf();
    for (const labelSmoothing of [0, 0.1]) {
      const calls: Call[] = [];
      const found = lossOf(batch, { labelSmoothing }, calls);
      const logits = calls[0]!.logits;
      const real = oracle(logits.slice(0, 16), batch.hidden.real, 1 - labelSmoothing);
      const fake = oracle(logits.slice(16), batch.hidden.fake, labelSmoothing);
      expect(found.real).toBeCloseTo(real, 9);
      expect(found.fake).toBeCloseTo(fake, 9);
      expect(found.loss).toBeCloseTo((real + fake) / 2, 9);
      const right = (side: number[][], hidden: Int32Array, sign: number) =>
        hidden.filter((flat) => Math.sign(side.flat()[flat]!) === sign).length / hidden.length;
      const halves =
        right(logits.slice(0, 16), batch.hidden.real, 1) + right(logits.slice(16), batch.hidden.fake, -1);
      expect(found.accuracy).toBeCloseTo(halves / 2, 9);
    }
  });

  it("is asked at all open positions, by option", () => {
    const batch = batchOf({ discriminatorPositions: "all" });
    const calls: Call[] = [];
    const found = lossOf(batch, { labelSmoothing: 0 }, calls);
    const { logits } = calls[0]!;
    const open = Int32Array.from([...batch.steps.keys()].filter((flat) => flat % 5 > 0));
    expect(found.real).toBeCloseTo(oracle(logits.slice(0, 16), open, 1), 9);
    expect(found.fake).toBeCloseTo(oracle(logits.slice(16), open, 0), 9);
  });

  it("shows real and written texts with masks of their own, at one noise level", () => {
    const batch = batchOf({ coupledTime: false });
    const calls: Call[] = [];
    lossOf(batch, {}, calls);
    expect(calls).toHaveLength(1);
    const { hidden, positives, texts, times } = batch;
    const shown = [hide(positives, hidden.real, maskId), hide(texts, hidden.fake, maskId)];
    expect(calls[0]!.ids.flat()).toEqual(shown.flatMap((one) => [...one]));
    const levels = Array.from(times, (time) => Math.fround(sigma(tinyOptions().schedule, time)));
    expect(calls[0]!.sigma).toEqual([...levels, ...levels]);
  });

  it("runs the two apart as published, a power iteration before each", () => {
    const calls: Call[] = [];
    lossOf(batchOf(), { fidelity: "released" }, calls, true);
    expect(calls.map(({ ids, iterate }) => [ids.length, iterate])).toEqual([
      [16, true],
      [16, true],
    ]);
  });

  it("reaches the last block and the head alone", () => {
    const batch = batchOf();
    scope(() => {
      const { loss } = criticLoss(critic, batch, {
        options: tinyOptions(),
        totals: countsOf(batch),
        iterate: false,
      });
      backward(loss);
    });
    const trained = discriminatorTrainable(critic.config, { blocks: 1 });
    for (const [name, parameter] of critic.parameters) {
      expect(gradientOf(parameter) !== null, name).toBe(trained.includes(name));
      setGradient(parameter, null);
    }
    for (const parameter of student.parameters.values()) expect(gradientOf(parameter)).toBeNull();
  });

  it("adds up over micro-batches of any size, divided by the counts of the whole", () => {
    const whole = batchOf();
    const totals = countsOf(whole);
    const share = (batch: DidiBatch) =>
      scope(() =>
        noGrad(() =>
          item(criticLoss(critic, batch, { options: tinyOptions(), totals, iterate: false }).loss),
        ),
      );
    const parts = [batchOf({}, [3], answers.slice(0, 1)), batchOf({}, [4, 8, 9], answers.slice(1))];
    expect(share(parts[0]!) + share(parts[1]!)).toBeCloseTo(share(whole), 9);
  });
});

it("rewards are asked of the hidden texts, without power iteration", () => {
  const batch = batchOf();
  const calls: Call[] = [];
  const logits = criticLogits(watched(calls), batch, { options: tinyOptions() });
  expect(calls.map(({ iterate }) => iterate)).toEqual([false]);
  expect(calls[0]!.ids.flat()).toEqual([...hide(batch.texts, batch.hidden.fake, maskId)]);
  expect(logits).toEqual(calls[0]!.logits.flat());
});
