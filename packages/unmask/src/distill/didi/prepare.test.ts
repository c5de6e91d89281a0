// What is decided before any forward: plain host arrays.

import { describe, expect, it } from "vitest";
import { answers, maskId, tinyOptions } from "../../../test/distill/didi-subjects.ts";
import { chiSquare, chiSquareLimit } from "../../../test/oracle/chi-square.ts";
import { ConfigError } from "../../base/errors.ts";
import { revealProbability } from "../../diffusion/schedule.ts";
import type { Answer } from "../../train/masked-batch.ts";
import { type DidiSettings, didiOptions } from "./options.ts";
import { countsOf, type DidiPlan, hide, planTexts, written } from "./prepare.ts";

const plan = (
  settings: Partial<DidiSettings> = {},
  numbers = [3, 4, 8, 9],
  some: readonly Answer[] = answers,
) => planTexts(some, { seed: 2, examples: numbers }, tinyOptions(settings));
/** Many texts of 40 tokens, one a group. */
const many = (settings: Partial<DidiSettings>, count = 300): DidiPlan =>
  planTexts(
    Array.from({ length: count }, () => ({ ids: new Int32Array(40), promptLength: 0 })),
    { seed: 5, examples: Array.from({ length: count }, (_, i) => i) },
    tinyOptions({ numSamplesPerPrompt: 1, baseline: "none", ...settings }),
  );
const rowOf = <Values extends ArrayLike<number> & { slice(a: number, b: number): Values }>(
  values: Values,
  row: number,
  length: number,
): number[] => Array.from(values.slice(row * length, (row + 1) * length));

describe("the plan of a batch", () => {
  it("has G texts of each example beside each other, with its prompt and masks behind it", () => {
    const { rows, length, start, examples, steps } = plan();
    expect([rows, length]).toEqual([16, 5]);
    for (let row = 0; row < rows; row++) {
      const { ids } = answers[Math.floor(row / 4)]!;
      expect(rowOf(examples, row, 5)).toEqual(ids);
      expect(rowOf(start, row, 5)).toEqual([ids[0], maskId, maskId, maskId, maskId]);
      expect(steps[row * 5]).toBe(written.given);
    }
  });

  it("depends on the example's number alone, not on its place in a batch", () => {
    for (const settings of [
      {},
      { sharedTau: true, coupledTime: false, remaskProb: 0.3 },
      { knownShare: 1 },
    ]) {
      const whole = plan(settings);
      const parts = [plan(settings, [3, 4], answers.slice(0, 2)), plan(settings, [8, 9], answers.slice(2))];
      const joined = (pick: (one: DidiPlan) => ArrayLike<number>) =>
        parts.flatMap((one) => Array.from(pick(one)));
      for (const pick of [
        (one: DidiPlan) => one.tau,
        (one: DidiPlan) => one.times,
        (one: DidiPlan) => one.steps,
        (one: DidiPlan) => one.sequences,
      ]) {
        expect(joined(pick)).toEqual(Array.from(pick(whole)));
      }
      const second = (positions: Int32Array) => Array.from(positions, (flat) => flat + 8 * 5);
      for (const side of ["fake", "real"] as const) {
        const found = [...parts[0]!.hidden[side], ...second(parts[1]!.hidden[side])];
        expect(found).toEqual([...whole.hidden[side]]);
      }
    }
    expect([...plan({}, [0, 1, 2, 3]).tau]).not.toEqual([...plan().tau]);
  });

  it("gives a random share of the example, the same to a whole group and never all of it", () => {
    const { rows, length, start, examples, steps, asked } = plan({
      knownShare: 1,
      discriminatorPositions: "all",
    });
    const known = (row: number) => rowOf(steps, row, length).map((step) => Number(step === written.given));
    for (let row = 0; row < rows; row++) {
      expect(known(row)).toEqual(known(row - (row % 4)));
      expect(rowOf(start, row, length)).toEqual(
        rowOf(examples, row, length).map((id, column) => (known(row)[column] === 1 ? id : maskId)),
      );
    }
    expect([...asked.fake]).toEqual([...steps.keys()].filter((flat) => steps[flat] !== written.given));
    const shares = (knownShare: number) => {
      const texts = many({ knownShare }, 2_000);
      const given = Array.from({ length: texts.rows }, (_, row) => rowOf(texts.steps, row, 40)).map(
        (own) => own.filter((step) => step === written.given).length / 40,
      );
      expect(Math.max(...given)).toBeLessThanOrEqual(39 / 40);
      return given.reduce((sum, one) => sum + one, 0) / given.length;
    };
    expect(shares(1)).toBeCloseTo(0.5, 1);
    expect(shares(0.4)).toBeCloseTo(0.2, 1);
    expect(shares(0)).toBe(0);
  });

  it("draws tau for each text, or for each group", () => {
    const own = plan().tau;
    expect(new Set(own).size).toBe(16);
    const shared = plan({ sharedTau: true }).tau;
    expect(new Set(shared).size).toBe(4);
    shared.forEach((tau, row) => {
      expect(tau).toBe(own[row - (row % 4)]);
    });
  });

  it("keeps tau inside its bounds, and takes its law from tau_mode", () => {
    const { tau } = many({ tauMinEps: 0.2 });
    expect(Math.min(...tau)).toBe(0.2);
    expect(Math.max(...tau)).toBe(0.8);
    const mean = (values: Float64Array) => values.reduce((sum, one) => sum + one, 0) / values.length;
    expect(mean(many({ tauMode: "beta52" }).tau)).toBeCloseTo(5 / 7, 1);
    expect(mean(many({ tauMode: "uniform" }).tau)).toBeCloseTo(1 / 2, 1);
    expect([...many({ tauMode: "uniform" }).tau]).toEqual([...many({ tauMode: "beta11" }).tau]);
  });

  it("couples the noise's time with tau, or draws another", () => {
    expect(plan().times).toEqual(plan().tau);
    const { tau, times } = plan({ coupledTime: false });
    expect(new Set([...tau, ...times]).size).toBe(32);
  });
});

describe("the steps", () => {
  it("write with the probability of the reverse process", () => {
    const { schedule } = tinyOptions();
    for (const [tauMinEps, t0Eps] of [
      [0.5, 0],
      [0.5, 0.25],
    ] as const) {
      const { steps } = many({ tauMinEps, t0Eps });
      const [first, second] = [
        revealProbability(schedule, 1, 0.5),
        t0Eps === 0 ? 1 : revealProbability(schedule, 0.5, t0Eps),
      ];
      const observed = [written.first, written.second, written.never].map(
        (wanted) => steps.filter((step) => step === wanted).length,
      );
      const { statistic, degrees } = chiSquare(observed, [
        first,
        (1 - first) * second,
        (1 - first) * (1 - second),
      ]);
      expect(statistic).toBeLessThan(chiSquareLimit(degrees));
    }
  });

  it("are one without score decomposition", () => {
    const { steps } = plan({ scoreDecomposition: false });
    expect(new Set(steps)).toEqual(new Set([written.given, written.first]));
    const short = plan({ scoreDecomposition: false, t0Eps: 0.5, fidelity: "released" });
    expect(new Set(short.steps)).toEqual(new Set([written.given, written.first, written.never]));
  });

  it("write again what is masked again; released counts the lost token too", () => {
    const before = many({ tauMinEps: 0.3 }, 50);
    const corrected = many({ tauMinEps: 0.3, remaskProb: 0.4 }, 50);
    const sameTau = { tauMode: "beta11", t0Eps: 0 };
    const released = many({ tauMinEps: 0.3, remaskProb: 0.4, fidelity: "released", ...sameTau }, 50);
    const moved = before.steps.map((step, flat) => Number(step !== corrected.steps[flat]));
    expect(
      moved.filter(Boolean).length / before.steps.filter((step) => step === written.first).length,
    ).toBeCloseTo(0.4, 1);
    expect(corrected.lost.includes(1)).toBe(false);
    expect(released.steps).toEqual(corrected.steps);
    expect([...released.lost]).toEqual([...moved]);
    before.steps.forEach((step, flat) => {
      if (moved[flat]) expect([step, corrected.steps[flat]]).toEqual([written.first, written.second]);
    });
  });

  it("leave what is given alone: prompts, and what is not learnt", () => {
    const learnt = Uint8Array.of(1, 1, 0, 1, 1);
    const { steps, start, hidden } = plan({}, [1], [{ ids: [1, 2, 3, 4, 5], promptLength: 1, learnt }]);
    expect([0, 2].map((column) => steps[column])).toEqual([written.given, written.given]);
    expect(rowOf(start, 0, 5)).toEqual([1, maskId, 3, maskId, maskId]);
    for (const flat of [...hidden.fake, ...hidden.real]) expect([1, 3, 4]).toContain(flat % 5);
  });
});

describe("what is hidden from the critic", () => {
  it("is each position with probability 1 − alpha(t), apart for real and fake texts", () => {
    const { hidden, times, rows, length } = many({ tauMinEps: 0.5 });
    const chance = 1 - tinyOptions().schedule.alpha(times[0]!);
    for (const positions of [hidden.fake, hidden.real]) {
      const { statistic } = chiSquare(
        [positions.length, rows * length - positions.length],
        [chance, 1 - chance],
      );
      expect(statistic).toBeLessThan(chiSquareLimit(1));
    }
    expect([...hidden.fake]).not.toEqual([...hidden.real]);
  });

  it("is never nothing, but as published", () => {
    const counts = ({ hidden, rows, length }: DidiPlan) => {
      const found = Array<number>(rows).fill(0);
      for (const flat of hidden.fake) found[Math.floor(flat / length)]!++;
      return found;
    };
    const settings = { tauMode: "beta19", numSamplesPerPrompt: 8 };
    expect(Math.min(...counts(plan(settings)))).toBe(1);
    expect(Math.min(...counts(plan({ ...settings, fidelity: "released" })))).toBe(0);
  });

  it("is where the critic is asked, or everywhere behind the prompt: then texts may hide nothing", () => {
    const own = plan();
    expect(own.asked).toEqual(own.hidden);
    const all = plan({ discriminatorPositions: "all", tauMode: "beta19", numSamplesPerPrompt: 8 });
    const open = [...all.steps.keys()].filter((flat) => all.steps[flat] !== written.given);
    for (const side of [all.asked.fake, all.asked.real]) expect([...side]).toEqual(open);
    const rows = new Set([...all.hidden.fake].map((flat) => Math.floor(flat / 5)));
    expect(rows.size).toBeLessThan(all.rows);
  });

  it("becomes masks, and the text stays as it was", () => {
    const texts = Int32Array.of(1, 2, 3);
    expect([...hide(texts, Int32Array.of(0, 2), 9)]).toEqual([9, 2, 9]);
    expect([...texts]).toEqual([1, 2, 3]);
  });
});

it("counts texts, open positions before each step, and hidden ones", () => {
  const one = plan({ t0Eps: 0.3 });
  const among = (wanted: readonly number[]) => one.steps.filter((step) => wanted.includes(step)).length;
  expect(countsOf(one)).toEqual({
    sequences: 16,
    open_first: 16 * 4,
    open_second: among([written.second, written.never]),
    asked_real: one.hidden.real.length,
    asked_fake: one.hidden.fake.length,
  });
});

it("refuses rows of different lengths", () => {
  const uneven = [answers[0]!, { ids: [1, 2], promptLength: 0 }];
  expect(() => plan({}, [0, 1], uneven)).toThrow(/rows of 5 and of 2 tokens in one batch/);
});

describe("options", () => {
  it("have the paper's defaults, and the published code's for released", () => {
    const { fidelity, vocabularySize, schedule, ...corrected } = tinyOptions();
    expect(corrected).toMatchObject({
      ...{
        numSamplesPerPrompt: 4,
        tauMode: "beta11",
        tauMinEps: 0.02,
        rewardClipVal: 8,
        advantageClipVal: 3,
      },
      ...{
        kl: "jeffrey",
        klBeta: 1,
        klHi: 0.01,
        klLo: 0.01,
        entropyBeta: 5e-4,
        labelSmoothing: 0.1,
        t0Eps: 0,
      },
    });
    expect(tinyOptions({ fidelity: "released" })).toMatchObject({
      ...{ tauMode: "beta22", t0Eps: 1e-3, kl: "forward", entropyBeta: 0.02, logprobMode: "prev_is_mask" },
    });
    expect(didiOptions({ vocabularySize: 5, maskId: 4, klHi: undefined }).klHi).toBe(0.01);
  });

  it.each([
    [{ tauMode: "beta2" }, /distill\.tau_mode is "beta2"; give "uniform", or "beta" and two digits/],
    [{ tauMinEps: 0.6 }, /distill\.tau_min_eps is 0\.6, expected a number from 0\.000001 to 0\.5/],
    [{ numSamplesPerPrompt: 2.5 }, /distill\.num_samples_per_prompt is 2\.5, expected an integer/],
    [{ numSamplesPerPrompt: 1 }, /num_samples_per_prompt is 1, and a baseline "group" needs a group/],
    [{ labelSmoothing: Number.NaN }, /distill\.label_smoothing is NaN/],
    [{ credit: "logit" as const }, /credit "logit" asks the critic about tokens that it sees/],
    [{ logprobMode: "prev_is_mask" as const }, /counts masks, which have no probability/],
  ])("out of range are named: %j", (settings, message) => {
    expect(() => tinyOptions(settings)).toThrow(ConfigError);
    expect(() => tinyOptions(settings)).toThrow(message);
  });
});
