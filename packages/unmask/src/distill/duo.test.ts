// Discrete consistency distillation on a small time-conditioned network in float64.

import {
  backward,
  gradientOf,
  item,
  noGrad,
  scope,
  setGradient,
  setRequiresGrad,
  tensor,
  toNested,
  toNumbers,
} from "@unmask/torch";
import { afterEach, describe, expect, it } from "vitest";
import { differenceOf } from "../../test/oracle/finite-differences.ts";
import { expectMicroBatchesAddUp } from "../../test/oracle/micro-batches.ts";
import { tinyNetwork as network, tiny } from "../../test/oracle/tiny-networks.ts";
import { DataError } from "../base/errors.ts";
import { gaussianAlpha, gaussianRatio } from "../diffusion/gaussian-argmax.ts";
import type { Network } from "../models/family.ts";
import type { Answer } from "../train/masked-batch.ts";
import type { PhaseContext, Place } from "../train/method.ts";
import { type DuoOptions, duoMethod, duoStep } from "./duo.ts";

const { vocabularySize: V } = tiny;
const rows: Answer[] = [
  { ids: [1, 2, 3, 4, 5, 6], promptLength: 0 },
  { ids: [7, 8, 9, 1, 2, 3], promptLength: 1 },
  { ids: [5, 5, 5, 2, 2, 2], promptLength: 2 },
];
const place: Place = { seed: 2, step: 0, examples: [4, 5, 6], first: 0, count: 3, progress: 0 };
// With few tokens much noise is needed for anything to be lost.
const gammas = { gammaMin: -2, gammaMax: 2 };
const methodOf = (change: Partial<DuoOptions> = {}) =>
  duoMethod({ vocabularySize: V, steps: 4, ...gammas, ...change });

describe("pairs of points", () => {
  const method = methodOf();

  it("lie on one path: what is lost at s stays lost to the same token at t", () => {
    let kept = 0;
    let lost = 0;
    for (let number = 0; number < 120; number++) {
      const pairs = method.prepare(rows, { ...place, examples: [number, number + 500, number + 900] });
      pairs.early.ids.forEach((id, flat) => {
        const truth = rows[Math.floor(flat / 6)]!.ids[flat % 6]!;
        if (id !== truth) {
          expect(pairs.late.ids[flat]).toBe(id);
          lost++;
        } else if (pairs.late.ids[flat] !== truth) kept++;
      });
    }
    expect(Math.min(kept, lost)).toBeGreaterThan(50);
  });

  it("are noisy at the rate that networks are told, prompts never", () => {
    const alpha = gaussianAlpha(V);
    let [expected, seen, all] = [0, 0, 0];
    for (let number = 0; number < 150; number++) {
      const pairs = method.prepare(rows, { ...place, examples: [number, number + 500, number + 900] });
      pairs.reads.forEach((flat) => {
        const row = Math.floor(flat / 6);
        const rate = Math.exp(-pairs.late.sigmas[row]!);
        expected += (1 - rate) * (1 - 1 / V);
        if (pairs.late.ids[flat] !== rows[row]!.ids[flat % 6]) seen++;
        all++;
      });
      const rate = alpha(gaussianRatio(pairs.times[0]!, { min: -2, max: 2 }));
      expect(pairs.late.sigmas[0]).toBeCloseTo(-Math.log(rate), 9);
      expect([pairs.late.ids[6], pairs.late.ids[12], pairs.late.ids[13]]).toEqual([7, 5, 5]);
      expect(pairs.reads).toHaveLength(15);
    }
    expect(Math.abs(seen - expected)).toBeLessThan(4 * Math.sqrt(all / 4));
  });

  it("depend on the example, not on the batch, and refuse rows of two lengths", () => {
    const both = method.prepare(rows, place);
    const alone = method.prepare([rows[1]!], { ...place, examples: [5], first: 1 });
    expect([...alone.late.ids]).toEqual([...both.late.ids.subarray(6, 12)]);
    const uneven = () => method.prepare([rows[0]!, { ids: [1], promptLength: 0 }], place);
    expect(uneven).toThrow(DataError);
  });

  it("move apart twofold with every round, up to the whole way", () => {
    expect([0, 9_999, 10_000, 49_999, 1e6].map((step) => duoStep(step))).toEqual([
      ...[1 / 512, 1 / 512, 1 / 256, 1 / 32, 1],
    ]);
  });
});

describe("the loss", () => {
  const [student, teacher] = [network("mdlm"), network("mdlm", 4)];
  for (const one of teacher.parameters.values()) setRequiresGrad(one, false);
  afterEach(() => {
    for (const one of student.parameters.values()) setGradient(one, null);
  });

  function partsOf(method: ReturnType<typeof methodOf>) {
    const prepared = method.prepare(rows, place);
    const context: PhaseContext = { place, totals: method.counts(prepared), products: "float32" };
    const batch = scope(() => noGrad(() => method.sample!({ student, teacher }, prepared, context)));
    return { prepared, parts: () => method.phases[0]!.loss({ student, teacher }, batch, context) };
  }

  it.each(["kl-bwd", "kl-fwd"] as const)(
    "%s is the mean divergence from the teacher at the earlier time",
    (lossType) => {
      const { prepared, parts } = partsOf(methodOf({ lossType }));
      const logs = (model: Network, { ids, sigmas }: typeof prepared.late) => {
        const fed = tensor(
          [0, 1, 2].map((row) => [...ids.subarray(6 * row, 6 * row + 6)]),
          undefined,
          { dtype: "int64" },
        );
        const sigma_B = tensor(Float32Array.from(sigmas));
        const z = toNested(
          scope(() => noGrad(() => model.logits(fed, undefined, { sigma_B }))),
        ) as number[][][];
        return z.flat().map((row) => {
          const lse = Math.log(row.reduce((total, value) => total + Math.exp(value), 0));
          return row.map((value) => value - lse);
        });
      };
      const [own, other] = [logs(student, prepared.late), logs(teacher, prepared.early)];
      const losses = Array.from(prepared.reads, (flat) => {
        const [p, q] = lossType === "kl-bwd" ? [own[flat]!, other[flat]!] : [other[flat]!, own[flat]!];
        return p.reduce((sum, log, v) => sum + Math.exp(log) * (log - q[v]!), 0);
      });
      expect(item(parts().loss)).toBeCloseTo(losses.reduce((a, b) => a + b, 0) / losses.length, 9);
    },
  );

  it("has the gradient of its finite differences", () => {
    const { parts } = partsOf(methodOf());
    backward(parts().loss);
    for (const one of student.parameters.values()) {
      const index = Math.floor(one.size * 0.37);
      const slope = toNumbers(gradientOf(one) ?? tensor([0]))[index] ?? 0;
      const numeric = differenceOf(one, index, () => scope(() => noGrad(() => item(parts().loss))));
      expect(Math.abs(slope - numeric) / (1 + Math.abs(numeric))).toBeLessThan(2e-6);
    }
  });

  it("adds up over micro-batches, and the student becomes the teacher", async () => {
    const networks = () => ({ student: network("mdlm"), teacher: network("mdlm", 4) });
    await expectMicroBatchesAddUp(() => methodOf({ updateTeacherEvery: 2 }), networks, rows);
  });
});
