// REINFORCE on texts of two tokens, with the exact ratio instead of a critic: the averaged gradient is the gradient of the
// integral KL divergence, whichever unbiased option is on, and options differ in variance.

import { grad, scope, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import {
  exactGradient,
  exactRewards,
  maskId,
  tableNetwork,
  tableOf,
  usedEntries,
  vocabularySize,
} from "../../../test/distill/two-tokens.ts";
import { type DidiSettings, didiOptions } from "./options.ts";
import { studentLoss } from "./policy.ts";
import { countsOf, planTexts } from "./prepare.ts";
import { advantages, timeWeight } from "./reward.ts";
import { rollOut } from "./rollout.ts";

const table = tableOf((index) => Math.sin(index * 1.7) * 0.9);
/** Two tokens that mostly agree, which tokens drawn independently do not. */
const real = [0.46, 0.06, 0.13, 0.35];
const used = usedEntries();

type Settings = Partial<DidiSettings>;
const plain = { klBeta: 0, entropyBeta: 0, advantageClipVal: 1e6 } as const;
const optionsOf = (settings: Settings) => didiOptions({ vocabularySize, maskId, ...plain, ...settings });

interface Effort {
  readonly batches: number;
  readonly examples: number;
  /** Of real texts. */
  readonly law?: readonly number[];
}

/** Means over batches of the gradient by the loss, and its variance were it that of a single text. */
function estimate(settings: Settings, { batches, examples, law = real }: Effort) {
  const options = optionsOf(settings);
  const student = tableNetwork(table);
  const rows = Array.from({ length: examples }, () => ({ ids: [0, 0], promptLength: 0 }));
  const gradients = Array.from({ length: batches }, (_, batch) =>
    scope(() => {
      const numbers = rows.map((_, i) => batch * examples + i);
      const plan = planTexts(rows, { seed: 9, examples: numbers }, options);
      const rolled = rollOut({ student, teacher: student }, plan, { options });
      const credit = advantages(exactRewards(rolled, table, law), options);
      const coefficients = Float64Array.from(rolled.steps, (_, flat) => {
        const row = Math.floor(flat / 2);
        return credit[row]! * timeWeight(rolled.times[row]!, options);
      });
      const totals = countsOf(plan);
      const { loss } = studentLoss({ student, teacher: student }, rolled, { options, totals, coefficients });
      const whole = toNumbers(grad(loss, [student.table])[0]!);
      return used.map((entry) => whole[entry]!);
    }),
  );
  const mean = used.map((_, i) => gradients.reduce((sum, one) => sum + one[i]!, 0) / batches);
  const variance = used.map(
    (_, i) => gradients.reduce((sum, one) => sum + (one[i]! - mean[i]!) ** 2, 0) / (batches - 1),
  );
  const texts = examples * options.numSamplesPerPrompt;
  return {
    mean,
    errors: variance.map((one) => Math.sqrt(one / batches)),
    perText: texts * variance.reduce((a, b) => a + b, 0),
  };
}

const unbiased: [string, Settings][] = [
  ["independent tau, no baseline", { baseline: "none" }],
  ["shared tau, no baseline", { baseline: "none", sharedTau: true }],
  ["independent tau, leave-one-out", { baseline: "leave_one_out" }],
  ["shared tau, leave-one-out", { baseline: "leave_one_out", sharedTau: true }],
  ["two a group, shared tau", { baseline: "leave_one_out", sharedTau: true, numSamplesPerPrompt: 2 }],
  ["credit to tokens, no baseline", { baseline: "none", credit: "token" }],
  [
    "shared tau, leave-one-out, credit to tokens",
    { baseline: "leave_one_out", sharedTau: true, credit: "token" },
  ],
  ["Beta(2, 2), divided by its density", { baseline: "none", tauMode: "beta22", importanceWeight: true }],
  ["Beta(5, 5), ω = 1", { baseline: "leave_one_out", tauMode: "beta55", weightMode: "constant" }],
];

describe("the averaged gradient", () => {
  it.each(unbiased)("is that of the integral KL divergence: %s", (_, settings) => {
    const exact = exactGradient(table, real, optionsOf(settings));
    const { mean, errors } = estimate(settings, { batches: 40, examples: 100 });
    // Twelve numbers within 4.5 standard errors each: chance alone fails once in ten thousand runs.
    mean.forEach((found, i) => {
      expect(Math.abs(found - exact[i]!), `entry ${i}: ${found}, exact ${exact[i]}`).toBeLessThan(
        4.5 * errors[i]!,
      );
    });
    const [size, error] = [exact, errors].map((list) => Math.hypot(...list));
    expect(error!).toBeLessThan(0.5 * size!);
  });
});

it("credit to tokens takes variance away", () => {
  const effort = { batches: 60, examples: 50, law: [0.9, 0.01, 0.03, 0.06] };
  const [all, some] = (["sequence", "token"] as const).map(
    (credit) => estimate({ baseline: "none", credit }, effort).perText,
  );
  expect(some! / all!).toBeLessThan(0.7); // 0.40 with more texts
});
