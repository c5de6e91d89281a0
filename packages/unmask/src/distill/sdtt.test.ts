// Self-distillation through time on small networks in float64.

import {
  backward,
  gradientOf,
  item,
  noGrad,
  scope,
  setGradient,
  setRequiresGrad,
  type Tensor,
  tensor,
  toNested,
  toNumbers,
} from "@unmask/torch";
import { afterEach, describe, expect, it } from "vitest";
import { differenceOf } from "../../test/oracle/finite-differences.ts";
import { expectMicroBatchesAddUp } from "../../test/oracle/micro-batches.ts";
import { tinyAnswers as answers, tinyNetwork as network, tiny } from "../../test/oracle/tiny-networks.ts";
import { UnsupportedError } from "../base/errors.ts";
import { streams, uniform } from "../base/rng.ts";
import { absorbingNoise, uniformNoise } from "../diffusion/noise.ts";
import { logLinear } from "../diffusion/schedule.ts";
import type { Network } from "../models/family.ts";
import { disposeAdapters } from "../models/lora.ts";
import { createAdapters } from "../models/lora-create.ts";
import { fineUniforms } from "../train/answer-batch.ts";
import type { MaskedBatch } from "../train/masked-batch.ts";
import type { PhaseContext, Place } from "../train/method.ts";
import { distillModes } from "./divergence.ts";
import { type SdttNetworks, type SdttOptions, sdttMethod, sdttRound } from "./sdtt.ts";

const { vocabularySize: V, maskId, padId } = tiny;
const noise = absorbingNoise({ schedule: logLinear(0), vocabularySize: V, maskId, maskLogit: true });
const methodOf = (change: Partial<SdttOptions> = {}) =>
  sdttMethod({ noise, maskId, padId, batch: "answers", padding: "none", origNumSamplingSteps: 4, ...change });
const place: Place = { seed: 2, step: 0, examples: [4, 5, 6], first: 0, count: 3, progress: 0 };

function partsOf(method: ReturnType<typeof methodOf>, networks: SdttNetworks, at: Place = place) {
  const prepared = method.prepare(answers, at);
  const context: PhaseContext = { place: at, totals: method.counts(prepared), products: "float32" };
  const batch = scope(() => noGrad(() => method.sample!(networks, prepared, context)));
  return { prepared, batch, context, parts: () => method.phases[0]!.loss(networks, batch, context) };
}

/** Log-probabilities of a position without the mask, from a forward of the row alone. */
function logProbabilities(model: Network, row: number[], read: number): number[] {
  const fed = tensor([row], undefined, { dtype: "int64" });
  const z = (toNested(scope(() => noGrad(() => model.logits(fed)))) as number[][][])[0]![read]!;
  const kept = z.map((value, v) => (v === maskId ? Number.NEGATIVE_INFINITY : value));
  const lse = Math.log(kept.reduce((total, value) => total + Math.exp(value), 0));
  return kept.map((value) => value - lse);
}

/** The teacher's targets, plainly: rows one by one, tokens by running sums. */
function plainTargets(
  teacher: Network,
  batch: MaskedBatch,
  { shift, dt, steps }: { shift: number; dt: number; steps: number },
) {
  const targets: number[][] = [];
  const ids = Array.from(batch.ids);
  let pending = [...batch.reads.keys()];
  for (let step = 0; step < steps; step++) {
    const before = ids.slice();
    const left: number[] = [];
    for (const i of pending) {
      const read = batch.reads[i]!;
      const flat = read + shift;
      const [row, column] = [Math.floor(flat / batch.length), flat % batch.length];
      const end = answers[row]!.ids.length;
      const fed = before.slice(row * batch.length, row * batch.length + end);
      const log = logProbabilities(teacher, fed, read - row * batch.length);
      targets[i] = log;
      const t = Math.max(0, batch.times[i]! - step * dt);
      const chance = t === 0 ? 1 : Math.min(t, dt) / t;
      const example = place.examples[row]!;
      if (uniform({ seed: 2, stream: streams.reveal }, example, step, column) >= chance) {
        left.push(i);
        continue;
      }
      const source = { seed: 2, stream: streams.token } as const;
      let rest = fineUniforms(source, example, { step: 2 * step, count: batch.length })[column]!;
      ids[flat] = log.findIndex((value) => {
        rest -= Math.exp(value);
        return rest < 0;
      });
    }
    pending = left;
  }
  return { targets, ids, left: pending.length };
}

describe("rounds", () => {
  it("double the teacher's steps from 1,024 a text to 8, each after 10,000 updates", () => {
    const at = (step: number) => sdttRound(step);
    expect(at(0)).toEqual({ round: 0, dt: 1 / 1024, begins: false });
    expect(at(9_999).round).toBe(0);
    expect(at(10_000)).toEqual({ round: 1, dt: 1 / 512, begins: true });
    expect(at(10_001).begins).toBe(false);
    expect(at(70_000)).toEqual({ round: 7, dt: 1 / 8, begins: true });
    expect(at(80_000)).toEqual({ round: 7, dt: 1 / 8, begins: false });
    expect(sdttRound(6, { growDtEvery: 3, numDistillSteps: 4, origNumSamplingSteps: 128 })).toEqual({
      ...{ round: 2, dt: 1 / 8, begins: true },
    });
  });
});

it("refuses noise without masks, and options outside their range", () => {
  const uniformly = uniformNoise({ schedule: logLinear(), vocabularySize: V });
  expect(() => methodOf({ noise: uniformly })).toThrow(/sdtt reveals masks.*use duo/);
  expect(() => methodOf({ numDistillSteps: 0 })).toThrow(
    /num_distill_steps is 0, expected an integer of at least 1/,
  );
});

describe.each([
  ["llada", 0],
  ["dream", 1],
] as const)("SDTT on %s", (family, shift) => {
  const [student, teacher] = [network(family), network(family, 4)];
  for (const one of teacher.parameters.values()) setRequiresGrad(one, false);
  afterEach(() => {
    for (const one of student.parameters.values()) setGradient(one, null);
  });

  it("is 0 where the student is the teacher and takes one step", () => {
    for (const distillMode of distillModes) {
      const method = methodOf({ shift, numDistillSteps: 1, distillMode });
      const { parts } = partsOf(method, { student, teacher: student });
      expect(item(parts().loss)).toBeCloseTo(0, 12);
    }
  });

  it.each([1, 2, 3])(
    "learns what the teacher says of each position when it is revealed, in %d steps",
    (steps) => {
      const method = methodOf({ shift, numDistillSteps: steps });
      const { prepared, parts } = partsOf(method, { student, teacher });
      const { targets, ids, left } = plainTargets(teacher, prepared, { shift, dt: 1 / 4, steps });
      if (steps === 3) expect(left).toBeLessThan(prepared.reads.length); // some are revealed on the way
      expect(ids.filter((id, i) => id !== prepared.ids[i]).every((id) => id !== maskId)).toBe(true);
      const losses = targets.map((target, i) => {
        const read = prepared.reads[i]!;
        const row = Math.floor((read + shift) / prepared.length);
        const start = row * prepared.length;
        const fed = Array.from(prepared.ids.subarray(start, start + answers[row]!.ids.length));
        const own = logProbabilities(student, fed, read - start);
        return own.reduce(
          (sum, log, v) => (v === maskId ? sum : sum + Math.exp(log) * (log - target[v]!)),
          0,
        );
      });
      const { loss, positions } = parts();
      toNumbers(positions!.losses_N).forEach((value, i) => {
        expect(value).toBeCloseTo(losses[i]!, 9);
      });
      expect(item(loss)).toBeCloseTo(losses.reduce((a, b) => a + b, 0) / losses.length, 9);
    },
  );

  it("has the gradient of its finite differences, and none for the teacher", () => {
    const { parts } = partsOf(methodOf({ shift }), { student, teacher });
    backward(parts().loss);
    for (const one of student.parameters.values()) {
      const index = Math.floor(one.size * 0.37);
      const slope = toNumbers(gradientOf(one) ?? tensor([0]))[index] ?? 0;
      const numeric = differenceOf(one, index, () => scope(() => noGrad(() => item(parts().loss))));
      expect(Math.abs(slope - numeric) / (1 + Math.abs(numeric))).toBeLessThan(2e-6);
    }
    for (const one of teacher.parameters.values()) expect(gradientOf(one)).toBeNull();
  });

  it("adds up over micro-batches, and makes the student the teacher of the next round", async () => {
    const networks = () => ({ student: network(family), teacher: network(family, 4) });
    await expectMicroBatchesAddUp(
      () => methodOf({ shift, growDtEvery: 2, minNumSamplingSteps: 2 }),
      networks,
      answers,
    );
  });

  it("refuses a next round with adapters, in one sentence", () => {
    const base = network(family);
    const set = createAdapters(base, { rank: 1, seed: 1 });
    const method = methodOf({ shift, growDtEvery: 2, minNumSamplingSteps: 1 });
    const next = () => partsOf(method, { student: base, teacher }, { ...place, step: 2 });
    expect(next).toThrow(UnsupportedError);
    expect(next).toThrow(/cannot become the teacher.*merge/);
    disposeAdapters(set);
  });
});

it("is 0 with gradients of 0 for a batch without masks", () => {
  const student = network("llada");
  const given = answers.map(({ ids }) => ({ ids, promptLength: ids.length }));
  const method = methodOf();
  const prepared = method.prepare(given, place);
  expect(method.counts(prepared)).toEqual({ masked: 0 });
  const context = { place, totals: { masked: 0 }, products: "float32" as const };
  const batch = method.sample!({ student, teacher: student }, prepared, context);
  const { loss } = method.phases[0]!.loss({ student, teacher: student }, batch, context);
  expect(item(loss)).toBe(0);
  backward(loss);
  const slopes = [...student.parameters.values()].flatMap((one: Tensor) => [
    ...toNumbers(gradientOf(one) ?? tensor([0])),
  ]);
  expect(slopes.every((value) => value === 0)).toBe(true);
});
