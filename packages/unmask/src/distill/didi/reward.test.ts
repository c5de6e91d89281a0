// Rewards, advantages and time weights: plain arithmetic.

import { describe, expect, it } from "vitest";
import { tinyOptions } from "../../../test/distill/didi-subjects.ts";
import { mulberry32 } from "../../../test/oracle/mulberry32.ts";
import { betaDensity } from "../../base/beta.ts";
import { logLinear } from "../../diffusion/schedule.ts";
import { advantages, positionAdvantages, sequenceRewards, timeWeight } from "./reward.ts";

const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
const groupsOf = (values: Float64Array, G: number) =>
  Array.from({ length: values.length / G }, (_, i) => [...values.subarray(i * G, (i + 1) * G)]);

describe("the reward of a text", () => {
  const texts = { rows: 3, length: 4, asked: { fake: Int32Array.of(0, 3, 5) } };
  const logits = [1, 100, 100, 2, 100, -20, 100, 100, 100, 100, 100, 100];

  it("is the mean of the clipped logits of what is hidden, 0 for a text that hides nothing", () => {
    expect([...sequenceRewards(logits, texts, tinyOptions())]).toEqual([1.5, -8, 0]);
    expect([...sequenceRewards(logits, texts, tinyOptions({ rewardClipVal: 1.5 }))]).toEqual([1.25, -1.5, 0]);
  });

  it("goes through a sigmoid as published, and ends there at ±13.8", () => {
    const found = sequenceRewards(logits, texts, tinyOptions({ fidelity: "released", rewardClipVal: 100 }));
    expect(found[0]).toBeCloseTo(1.5, 4);
    expect(found[1]).toBeCloseTo(Math.log(1e-6), 2);
  });
});

describe("advantages", () => {
  const next = mulberry32(4);
  const rewards = Float64Array.from({ length: 24 }, () => 6 * next() - 2);

  it.each([2, 3, 4, 8])("of groups of %i have mean 0 and deviation 1, and are bounded by (G − 1)/√G", (G) => {
    for (const group of groupsOf(advantages(rewards, tinyOptions({ numSamplesPerPrompt: G })), G)) {
      expect(mean(group)).toBeCloseTo(0, 9);
      expect(Math.sqrt(group.reduce((sum, one) => sum + one ** 2, 0) / (G - 1))).toBeCloseTo(1, 6);
      expect(Math.max(...group.map(Math.abs))).toBeLessThanOrEqual((G - 1) / Math.sqrt(G) + 1e-9);
    }
  });

  it("are bounded by 1.5 for groups of four, which one text far from three equal ones reaches", () => {
    const found = advantages(Float64Array.of(0, 0, 0, 5), tinyOptions());
    expect(found[3]).toBeCloseTo(1.5, 6);
    expect([...advantages(Float64Array.of(1, 1, 1, 1), tinyOptions())]).toEqual([0, 0, 0, 0]);
  });

  it("leave one out: the reward less the mean of the others", () => {
    const G = 3;
    const options = tinyOptions({ numSamplesPerPrompt: G, baseline: "leave_one_out", advantageClipVal: 100 });
    groupsOf(advantages(rewards, options), G).forEach((group, g) => {
      const own = [...rewards.subarray(g * G, (g + 1) * G)];
      group.forEach((found, i) => {
        expect(found).toBeCloseTo(own[i]! - mean(own.filter((_, j) => j !== i)), 12);
      });
    });
  });

  it("are the rewards without a baseline, and clipped with one", () => {
    expect(advantages(rewards, tinyOptions({ baseline: "none" }))).toEqual(rewards);
    const clipped = advantages(rewards, tinyOptions({ advantageClipVal: 0.5 }));
    expect(Math.max(...clipped.map(Math.abs))).toBe(0.5);
  });
});

describe("the time weight", () => {
  it("is min(1/t, 10) for the log-linear schedule, or 1", () => {
    for (const t of [0.02, 0.1, 0.25, 0.98]) {
      expect(timeWeight(t, tinyOptions())).toBeCloseTo(Math.min(1 / t, 10), 12);
      expect(timeWeight(t, tinyOptions({ weightMode: "constant" }))).toBe(1);
    }
  });

  it("follows another schedule, kept in [0.1, 10]", () => {
    const schedule = { ...logLinear(), alphaDerivative: () => -0.01 };
    expect(timeWeight(0.5, tinyOptions({ schedule }))).toBe(0.1);
  });

  it("is divided by tau's density where asked, which another time than tau does not have", () => {
    const options = tinyOptions({ importanceWeight: true, tauMode: "beta25" });
    expect(timeWeight(0.3, options)).toBeCloseTo(1 / 0.3 / betaDensity(2, 5, 0.3), 9);
    expect(timeWeight(0.3, { ...options, coupledTime: false })).toBeCloseTo(1 / 0.3, 9);
  });
});

describe("advantages of positions", () => {
  const texts = {
    ...{ rows: 2, length: 3 },
    asked: { fake: Int32Array.of(1, 2, 4, 5) },
    hidden: { fake: Int32Array.of(2) },
  };
  const logits = [9, 1, 3, 9, -2, 6];
  const settings = { numSamplesPerPrompt: 2, discriminatorPositions: "all" } as const;

  it("are those of their texts", () => {
    for (const credit of ["sequence", "token"] as const) {
      const options = tinyOptions({ ...settings, credit });
      const [first, second] = advantages(sequenceRewards(logits, texts, options), options);
      expect([...positionAdvantages(logits, texts, options)]).toEqual([
        first,
        first,
        first,
        second,
        second,
        second,
      ]);
    }
  });

  it("are of the critic's logit at a place that it saw, by option; of the text's mean at a hidden one", () => {
    const values = [2, 1, 2, 2, -2, 6]; // both texts have a mean of 2; what is given has its text's
    const plain = tinyOptions({ ...settings, credit: "logit", baseline: "none" });
    expect([...positionAdvantages(logits, texts, plain)]).toEqual(values);
    const other = tinyOptions({
      ...settings,
      credit: "logit",
      baseline: "leave_one_out",
      advantageClipVal: 100,
    });
    expect([...positionAdvantages(logits, texts, other)]).toEqual(values.map((value) => value - 2));
    const deviation = Math.sqrt((1 + 0 + 16 + 16) / 3);
    const group = positionAdvantages(logits, texts, tinyOptions({ ...settings, credit: "logit" }));
    values.forEach((value, flat) => {
      expect(group[flat]).toBeCloseTo((value - 2) / deviation, 6);
    });
  });

  it("are those of a text where every logit of it is the same: a perfect critic's", () => {
    const perfect = [0, 1.5, 1.5, 0, -0.5, -0.5];
    for (const baseline of ["leave_one_out", "none"] as const) {
      const found = (credit: "token" | "logit") =>
        positionAdvantages(perfect, texts, tinyOptions({ ...settings, baseline, credit }));
      expect(found("logit")).toEqual(found("token"));
    }
  });
});
