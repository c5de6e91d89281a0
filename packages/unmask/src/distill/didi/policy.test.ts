// The student's loss in float64, for fixed rollouts: finite differences, identities, what it reaches and what it does not.

import {
  add,
  backward,
  copy_,
  exp,
  gather,
  gradientOf,
  item,
  logSoftmax,
  mul,
  neg,
  noGrad,
  Recompute,
  scope,
  setGradient,
  sub,
  sum,
  sumDim,
  type Tensor,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { answers, maskId, tinyMdlm, tinyOptions } from "../../../test/distill/didi-subjects.ts";
import { type DidiSettings, kullbackLeiblers } from "./options.ts";
import { studentLoss } from "./policy.ts";
import { countsOf, planTexts, written } from "./prepare.ts";
import { type DidiBatch, openLogits, rollOut } from "./rollout.ts";
import { statesOf, writtenTokens } from "./states.ts";

const student = tinyMdlm(1);
const teacher = tinyMdlm(2);
const batchOf = (
  settings: Partial<DidiSettings> = {},
  numbers = [3, 4],
  some = answers.slice(0, 2),
): DidiBatch => {
  const options = tinyOptions(settings);
  const plan = planTexts(some, { seed: 2, examples: numbers }, options);
  return scope(() => noGrad(() => rollOut({ student, teacher }, plan, { options })));
};
const coefficientsOf = (batch: DidiBatch) =>
  Float64Array.from(batch.steps, (_, flat) => Math.sin(batch.sequences[Math.floor(flat / 5)]! * 2.1) * 1.5);

type Extra = { mostLogits?: number; recompute?: Recompute; totals?: ReturnType<typeof countsOf> };
const partsOf = (
  batch: DidiBatch,
  settings: Partial<DidiSettings> = {},
  extra: Extra = {},
  networks = { student, teacher },
) =>
  studentLoss(networks, batch, {
    ...{ options: tinyOptions(settings), totals: countsOf(batch), coefficients: coefficientsOf(batch) },
    ...extra,
  });

/** Gradients of all of the student's parameters, one behind the other. */
function gradientsOf(loss: Tensor, finish: () => void = () => {}): number[] {
  backward(loss);
  finish();
  return [...student.parameters.values()].flatMap((parameter) => {
    const gradient = gradientOf(parameter);
    const numbers = gradient === null ? Array<number>(parameter.size).fill(0) : toNumbers(gradient);
    setGradient(parameter, null);
    return numbers;
  });
}

const distance = (a: readonly number[], b: readonly number[]) =>
  Math.hypot(...a.map((one, i) => one - b[i]!));
const norm = (a: readonly number[]) => Math.hypot(...a);

/** Derivative along a direction that moves every parameter. */
function alongDirection(lossAt: () => number): { numeric: number; direction: number[] } {
  const direction: number[] = [];
  const parameters = [...student.parameters.values()];
  const start = parameters.map(toNumbers);
  for (const one of start)
    for (let i = 0; i < one.length; i++) direction.push(Math.sin(direction.length * 1.3 + 0.4));
  const valueAt = (step: number) => {
    let at = 0;
    parameters.forEach((parameter, p) => {
      const moved = Float64Array.from(start[p]!, (value) => value + step * direction[at++]!);
      noGrad(() => scope(() => void copy_(parameter, tensor(moved, [...parameter.shape]))));
    });
    return scope(() => noGrad(lossAt));
  };
  const step = 1e-6;
  const numeric = (valueAt(step) - valueAt(-step)) / (2 * step);
  valueAt(0);
  return { numeric, direction };
}

const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((total, one, i) => total + one * b[i]!, 0);

describe("the student's loss", () => {
  it.each([
    ...kullbackLeiblers.map((kl): [string, Partial<DidiSettings>] => [
      kl,
      { kl, klHi: 0.7, klLo: 0.4, entropyBeta: 0.3 },
    ]),
    ["Jeffrey, β = 0.2", { jeffreyBeta: 0.2, klHi: 1, klLo: 2 }],
    ["the policy alone", { klBeta: 0, entropyBeta: 0 }],
    ["credit to tokens", { credit: "token", klBeta: 0 }],
    ["released", { fidelity: "released", t0Eps: 0.3, klHi: 0.5, klLo: 0.5 }],
  ] as [string, Partial<DidiSettings>][])(
    "has the gradient that finite differences have: %s",
    (_, settings) => {
      const batch = batchOf(settings);
      const exact = scope(() => gradientsOf(partsOf(batch, settings).loss));
      const { numeric, direction } = alongDirection(() => item(partsOf(batch, settings).loss));
      expect(Math.abs(dot(exact, direction) - numeric)).toBeLessThan(1e-6 * (1 + Math.abs(numeric)));
    },
  );

  it("has a policy whose gradient is that of Σ ω A log p over written tokens, from each text's own states", () => {
    const settings = { t0Eps: 0.4, klBeta: 0, entropyBeta: 0 };
    const batch = batchOf(settings);
    const options = tinyOptions(settings);
    const plain = scope(() => {
      const { rows, length, steps, start, middle, texts } = batch;
      const coefficients = coefficientsOf(batch);
      // Every text's states in rows of their own, and no state shared.
      const reads = Array.from({ length: rows * length }, (_, flat) => flat);
      const terms = [
        { ids: start, step: written.first },
        { ids: middle, step: written.second },
      ].map(({ ids, step }) => {
        const log_NV = logSoftmax(openLogits(student, { ids, length, reads, options }), -1);
        const tokens = Array.from(texts, (token, flat) => (steps[flat] === step ? token : 0));
        const chosen_N1 = gather(log_NV, 1, tensor(BigInt64Array.from(tokens, BigInt), [tokens.length, 1]));
        const weights = Float64Array.from(texts, (_, flat) =>
          steps[flat] === step ? coefficients[flat]! / rows : 0,
        );
        return sum(mul(chosen_N1, tensor(weights, [weights.length, 1])));
      });
      return gradientsOf(neg(add(terms[0]!, terms[1]!)));
    });
    const found = scope(() => gradientsOf(partsOf(batch, settings).loss));
    expect(norm(plain)).toBeGreaterThan(0.1);
    expect(distance(found, plain)).toBeLessThan(1e-10 * norm(plain));
  });

  it("counts masks that stay as a constant in the published log-probability", () => {
    const settings = { fidelity: "released", t0Eps: 0.4, klBeta: 0, entropyBeta: 0 } as const;
    const batch = batchOf(settings);
    const both = (["prev_is_mask", "changed_only"] as const).map((logprobMode) =>
      scope(() => {
        const { loss, terms } = partsOf(batch, { ...settings, logprobMode });
        return { logProbability: item(terms!.log_probability as Tensor), gradient: gradientsOf(loss) };
      }),
    );
    const masks = batch.steps.reduce((total, step) => total + Math.max(0, step - written.first), 0);
    const difference = both[1]!.logProbability - both[0]!.logProbability;
    expect(difference).toBeCloseTo((-Math.log(1e-10) * masks) / batch.rows, 5);
    expect(distance(both[0]!.gradient, both[1]!.gradient)).toBeLessThan(1e-8 * norm(both[1]!.gradient));
  });

  it("has divergences and entropies that are means over open positions of the two steps", () => {
    const batch = batchOf();
    const options = tinyOptions({ kl: "forward" });
    const { rows, length, start, middle, steps } = batch;
    const expected = scope(() =>
      noGrad(() =>
        [start, middle].map((ids, i) => {
          const reads = [...steps.keys()].filter((flat) => steps[flat]! > (i === 0 ? 0 : 1));
          const logs = [student, teacher].map((network) =>
            logSoftmax(openLogits(network, { ids, length, reads, options }), -1),
          );
          const [p_NV, q_NV] = logs as [Tensor, Tensor];
          const kl = sumDim(mul(exp(q_NV), sub(q_NV, p_NV)), -1);
          const entropy = neg(sumDim(mul(exp(p_NV), p_NV), -1));
          return [kl, entropy].map((one) => item(sum(one)) / reads.length);
        }),
      ),
    );
    const { terms } = scope(() => noGrad(() => ({ terms: partsOf(batch, { kl: "forward" }).terms! })));
    expect(rows).toBe(8);
    expect(item(terms.kl_first as Tensor)).toBeCloseTo(expected[0]![0]!, 10);
    expect(item(terms.kl_second as Tensor)).toBeCloseTo(expected[1]![0]!, 10);
    expect(item(terms.entropy as Tensor)).toBeCloseTo((expected[0]![1]! + expected[1]![1]!) / 2, 10);
  });

  it("has no divergence, and no gradient of one, where the student is the teacher", () => {
    const batch = batchOf();
    for (const kl of kullbackLeiblers) {
      scope(() => {
        const { terms } = partsOf(batch, { kl }, {}, { student, teacher: student });
        expect(item(terms!.kl_first as Tensor)).toBeCloseTo(0, 12);
        expect(norm(gradientsOf(add(terms!.kl_first as Tensor, terms!.kl_second as Tensor)))).toBeLessThan(
          1e-10,
        );
      });
    }
  });

  it("reaches the student alone", () => {
    const batch = batchOf();
    scope(() => backward(partsOf(batch).loss));
    for (const [name, parameter] of teacher.parameters) expect(gradientOf(parameter), name).toBeNull();
    for (const [name, parameter] of student.parameters) {
      expect(gradientOf(parameter), name).not.toBeNull();
      setGradient(parameter, null);
    }
  });

  it("adds up over micro-batches of any size, divided by the counts of the whole", () => {
    const settings = { t0Eps: 0.3 };
    const whole = batchOf(settings, [3, 4, 8, 9], [...answers]);
    const totals = countsOf(whole);
    const gradient = (batch: DidiBatch) =>
      scope(() => gradientsOf(partsOf(batch, settings, { totals }).loss));
    const parts = [
      batchOf(settings, [3], answers.slice(0, 1)),
      batchOf(settings, [4, 8, 9], answers.slice(1)),
    ].map(gradient);
    const together = gradient(whole);
    expect(
      distance(
        together,
        parts[0]!.map((one, i) => one + parts[1]![i]!),
      ),
    ).toBeLessThan(1e-10 * norm(together));
  });

  it("is the same from chunks of the vocabulary, with recomputation and without", () => {
    for (const settings of [
      { kl: "reverse", klHi: 1, klLo: 1 },
      { klBeta: 0 },
      { scoreDecomposition: false },
    ] as const) {
      const batch = batchOf(settings);
      const whole = scope(() => {
        const { loss, terms } = partsOf(batch, settings);
        return { loss: item(loss), entropy: item(terms!.entropy as Tensor), gradient: gradientsOf(loss) };
      });
      for (const recompute of [undefined, new Recompute()]) {
        const found = scope(() => {
          const extra = { mostLogits: 0, ...(recompute === undefined ? {} : { recompute }) };
          const { loss, terms } = partsOf(batch, settings, extra);
          const values = { loss: item(loss), entropy: item(terms!.entropy as Tensor) };
          return { ...values, gradient: gradientsOf(loss, () => recompute?.finish()) };
        });
        expect(found.loss).toBeCloseTo(whole.loss, 10);
        expect(found.entropy).toBeCloseTo(whole.entropy, 10);
        expect(distance(found.gradient, whole.gradient)).toBeLessThan(1e-9 * norm(whole.gradient));
      }
    }
  });
});

describe("tokens that a text is made of", () => {
  it("are read from the state before their step", () => {
    const batch = batchOf({ t0Eps: 0.3 });
    const states = statesOf(batch);
    const tokens = writtenTokens(batch, states, tinyOptions());
    expect(tokens).toHaveLength(
      batch.steps.filter((step) => step === written.first || step === written.second).length,
    );
    for (const { row, step, read, token } of tokens) {
      const at = states.reads[read]!;
      expect(states.ids[at]).toBe(maskId);
      const column = at % batch.length;
      expect(batch.texts[row * batch.length + column]).toBe(token);
      expect(batch.steps[row * batch.length + column]).toBe(written[step]);
      // Beginnings are shared; behind them each text has a row of its own.
      const state = Math.floor(at / batch.length);
      expect(state).toBe(step === "first" ? Math.floor(row / 4) : states.firstRows + row);
    }
    expect(states.firstRows).toBe(2);
    expect([...states.shared]).toEqual(Array(8).fill(4));
  });

  it("have no credit where they were drawn last and hidden, by option", () => {
    const batch = batchOf();
    const hidden = new Set(batch.hidden.fake);
    const all = writtenTokens(batch, statesOf(batch), tinyOptions({ credit: "sequence" }));
    expect(all.every(({ credited }) => credited)).toBe(true);
    const some = writtenTokens(batch, statesOf(batch), tinyOptions({ credit: "token" }));
    const flats = [...batch.steps.keys()].filter((flat) => batch.steps[flat] !== written.given);
    some.forEach(({ step, credited, row }, i) => {
      const last = flats.some((flat) => Math.floor(flat / 5) === row && batch.steps[flat] === written.second);
      const isLast = step === (last ? "second" : "first");
      expect(credited).toBe(!(hidden.has(flats[i]!) && isLast));
    });
    expect(some.some(({ credited }) => !credited)).toBe(true);
    const one = batchOf({ scoreDecomposition: false });
    const uncredited = writtenTokens(one, statesOf(one), tinyOptions({ credit: "token" })).filter(
      (token) => !token.credited,
    );
    expect(uncredited).toHaveLength(one.hidden.fake.length);
  });
});
