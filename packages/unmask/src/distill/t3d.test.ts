import { copy_, item, noGrad, scope, setRequiresGrad, type Tensor, tensor, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { takeStep } from "../../test/oracle/method-step.ts";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import { type T3dConstants, t3dLoss } from "../../test/oracle/t3d.ts";
import { tableNetwork } from "../../test/oracle/table-network.ts";
import { tiny, tinyNetwork } from "../../test/oracle/tiny-networks.ts";
import { tinyFacts, tinyTrajectories } from "../../test/oracle/tiny-trajectories.ts";
import { ConfigError } from "../base/errors.ts";
import type { Network } from "../models/family.ts";
import type { Place } from "../train/method.ts";
import type { FakeDraw } from "./fake-tokens.ts";
import { type T3dNetworks, t3d } from "./t3d.ts";
import type { T3dOptions } from "./t3d-options.ts";
import type { TrajectoryExample } from "./trajectory-example.ts";

const { vocabularySize: V } = tiny;
const blocks = { blockSize: 4 } as const;
const ln2 = Math.log(2);

const [facts, examples] = [tinyFacts, tinyTrajectories];
const numbers = [40, 41, 42, 43];

/** A copy with other weights, that want no gradient. */
function otherNetwork(network: Network, change: number): Network {
  const other = tinyNetwork("sdar");
  const next = mulberry32(17);
  noGrad(() => {
    for (const [name, weight] of other.parameters) {
      const own = toNumbers(network.parameters.get(name)!);
      scope(() =>
        copy_(
          weight,
          tensor(
            own.map((value) => value + change * (next() - 0.5)),
            weight.shape,
            { dtype: "float64" },
          ),
        ),
      );
    }
  });
  for (const weight of other.parameters.values()) setRequiresGrad(weight, false);
  return other;
}
const student = tinyNetwork("sdar");
const same: T3dNetworks = { student, reference: otherNetwork(student, 0) };
const apart: T3dNetworks = { student, reference: otherNetwork(student, 0.6) };

const step = (options: T3dOptions, networks: T3dNetworks = apart, some = examples, parts?: number[]) => {
  const { phases, totals } = takeStep(t3d(facts, { ...blocks, ...options }), networks, some, {
    ...{ numbers: some.map(({ sequence }) => numbers[sequence]!), parts },
  });
  return { ...phases[0]!, totals };
};
const place = (some: readonly number[], seed = 1): Place => ({
  ...{ seed, step: 0, examples: some, first: 0, count: some.length, progress: 0 },
});
const norm = (gradients: Record<string, number[]>) => Math.hypot(...Object.values(gradients).flat());

describe("DDO", () => {
  it.each([
    [0.5, 0.1],
    [1, 2],
    [0, 0.7],
  ])("is (1 + α) ln 2 where student and reference are one, α = %f, β = %f", (alpha, beta) => {
    const { terms, loss } = step({ alpha, beta, lambdaPath: 0 }, same);
    expect(terms.ddo).toBeCloseTo((1 + alpha) * ln2, 12);
    expect(loss).toBe(terms.ddo);
    expect(terms.ddo_real).toBeCloseTo(ln2, 12);
    expect(step({}, same).terms.ddo).toBeCloseTo(1.0397, 4);
  });

  it("has there the gradient −β/2 of ℓ(x_0) and αβ/2 of ℓ(x̂)", () => {
    // With all of every answer hidden, a path loss of one level is −ℓ(x_0), averaged as DDO is.
    const base = { maskRatios: [1], alpha: 0, beta: 0 } as const;
    const entropy = step({ ...base, lambdaPath: 1, pathKSteps: 4 }, same).gradients.student!;
    expect(norm(entropy)).toBeGreaterThan(1e-2);
    const times = (gradients: Record<string, number[]>, factor: number) => {
      for (const [name, gradient] of Object.entries(gradients)) {
        gradient.forEach((slope, i) => {
          expect(slope).toBeCloseTo(factor * entropy[name]![i]!, 9);
        });
      }
    };
    times(step({ ...base, lambdaPath: 0, beta: 0.3 }, same).gradients.student!, 0.3 / 2);
    const method = t3d(facts, { ...blocks, ...base });
    const { batch, supervised } = method.prepare(examples, place(numbers));
    const x0: FakeDraw = () => tensor(BigInt64Array.from(batch.targets.subarray(0, supervised), BigInt));
    const both = { ...base, lambdaPath: 0, beta: 0.3, alpha: 0.8, draw: x0 };
    times(step(both, same).gradients.student!, (0.3 / 2) * (1 - 0.8));
  });

  it("is ln 2 and half the slope each where β is nearly 0, and grows linear in Δ where β is large", () => {
    const flat = step({ beta: 1e-9, lambdaPath: 0 });
    expect(flat.terms.ddo).toBeCloseTo(1.5 * ln2, 8);
    const beta = 1e6;
    const steep = step({ beta, lambdaPath: 0 });
    const { terms: one } = step({ beta: 1, lambdaPath: 0 });
    const [alone] = [examples[0]!].map((example) => step({ beta, lambdaPath: 0 }, apart, [example]));
    const ratio = alone!.terms.logp_student_real! - alone!.terms.logp_reference_real!;
    expect(alone!.terms.ddo_real! / beta).toBeCloseTo(Math.max(0, -ratio), 9);
    expect(Number.isFinite(steep.loss) && norm(steep.gradients.student!) > 0).toBe(true);
    expect(one.ddo_real).toBeGreaterThan(0);
  });

  it("does not look at x̂ where α is 0", () => {
    const draw = (token: number) => (logits: Tensor) =>
      tensor(BigInt64Array.from({ length: logits.shape[0]! }, () => BigInt(token)));
    const [a, b] = [1, 2].map((token) => step({ alpha: 0, draw: draw(token) }));
    expect(a!.loss).toBe(b!.loss);
    expect(a!.gradients).toEqual(b!.gradients);
    const [c, d] = [1, 2].map((token) => step({ alpha: 0.5, draw: draw(token) }));
    expect(c!.loss).not.toBe(d!.loss);
  });

  it("counts answers that are above and below the reference as they should be", () => {
    const { terms } = step({ lambdaPath: 0 });
    for (const name of ["above_reference_real", "below_reference_fake"]) {
      expect((terms[name]! * examples.length) % 1).toBeCloseTo(0, 9);
    }
    expect(step({ lambdaPath: 0 }, same).terms).toMatchObject({
      above_reference_real: 0,
      below_reference_fake: 0,
    });
  });
});

describe("the whole loss", () => {
  const next = mulberry32(5);
  const rowsOf = (count: number) =>
    Array.from({ length: count }, () => Array.from({ length: V }, () => 4 * next() - 2));
  const best = (row: readonly number[]) => row.indexOf(Math.max(...row));
  /** One answer of six tokens behind a prompt of four, in blocks of 4: columns 0–3, 4–7 of the response. */
  const example: TrajectoryExample = {
    ...{ sequence: 0, ids: [1, 2, 3, 4, 5, 6, 7, 8, 9, 1], promptLength: 4, tail: 0 },
    steps: [3, 0, 1, 2, 5, 4],
  };
  const [studentRows, referenceRows] = [rowsOf(20), rowsOf(20)];
  const noisy = (rows: number[][]) => rows.slice(12);
  const oracle = (supervised: number[], levels: number[][], constants: T3dConstants) =>
    t3dLoss(
      {
        ...{ student: noisy(studentRows), reference: noisy(referenceRows), supervised, levels },
        ...{ tokens: [5, 6, 7, 8, 9, 1], fakes: noisy(referenceRows).map(best) },
      },
      constants,
    );
  const networks = { student: tableNetwork(studentRows), reference: tableNetwork(referenceRows) };
  const levels = [
    [1, 2, 5, 4],
    [0, 1, 2, 3, 4, 5],
  ];
  const base = {
    ...blocks,
    pathKSteps: 2,
    alpha: 0.6,
    beta: 0.4,
    lambdaPath: 0.3,
    randomRatio: 0,
    referenceTemp: 0,
  } as const;
  const found = (options: T3dOptions) =>
    takeStep(t3d(facts, { ...base, ...options }), networks, [example], { numbers: [0] }).phases[0]!;

  it.each([
    ["all of it hidden", { maskRatios: [1] }, [0, 1, 2, 3, 4, 5], {}],
    ["the latest half hidden", { maskRatios: [0.5] }, [0, 3, 4], {}],
    ["the earliest half hidden, as released", { maskRatios: [0.5], fidelity: "released" }, [1, 2, 5], {}],
    [
      "sums and linear weights, as in the paper",
      { maskRatios: [0.5], fidelity: "paper" },
      [0, 3, 4],
      { sums: true, linear: [3 / 6, 1, 5 / 6, 4 / 6, 1 / 6, 2 / 6] },
    ],
  ] as [string, T3dOptions, number[], Partial<T3dConstants>][])(
    "is that of plain loops: %s",
    (_, options, supervised, change) => {
      const expected = oracle(supervised, levels, { alpha: 0.6, beta: 0.4, lambda: 0.3, ...change });
      const { loss, terms, positions } = found(options);
      expect(loss).toBeCloseTo(expected.total, 12);
      expect(terms.ddo).toBeCloseTo(expected.ddo, 12);
      expect(terms.path).toBeCloseTo(expected.path, 12);
      expect(terms.logp_student_real! - terms.logp_reference_real!).toBeCloseTo(expected.real, 12);
      expect(terms.logp_student_fake! - terms.logp_reference_fake!).toBeCloseTo(expected.fake, 12);
      expect(positions.times).toEqual(supervised.map(() => options.maskRatios![0]));
      expect(positions.losses).toHaveLength(supervised.length);
    },
  );

  it.each([["corrected"], ["released"], ["paper"]] as const)(
    "has the gradient of its finite differences: %s",
    (fidelity) => {
      const options = { fidelity, maskRatios: [0.75], lambdaPath: 0.4, beta: 0.9 };
      const { gradients } = step(options);
      expect(Object.keys(gradients.reference!)).toEqual([]);
      const loss = () => noGrad(() => evaluated(options));
      for (const [name, parameter] of student.parameters) {
        const index = Math.floor(parameter.size * 0.37);
        const slope = gradients.student![name]?.[index] ?? 0;
        const numeric = differenceOf(parameter, index, loss);
        expect(Math.abs(slope - numeric) / (1 + Math.abs(numeric))).toBeLessThan(2e-6);
      }
    },
  );

  it.each([
    ["corrected", false],
    ["corrected", true],
    ["released", true],
    ["paper", true],
  ] as const)("is the same without whole logits: %s, recomputed: %s", (fidelity, recompute) => {
    const options = { ...blocks, fidelity, maskRatios: [0.75], alpha: 0.7 };
    const taken = (mostLogits?: number) =>
      takeStep(t3d(facts, { ...options, mostLogits }), apart, examples, { numbers, recompute }).phases[0]!;
    const [whole, parts] = [taken(), taken(3 * V)];
    expect(parts.loss).toBeCloseTo(whole.loss, 12);
    for (const [name, gradient] of Object.entries(whole.gradients.student!)) {
      gradient.forEach((slope, i) => {
        expect(parts.gradients.student![name]![i]!).toBeCloseTo(slope, 11);
      });
    }
    for (const [name, value] of Object.entries(whole.terms)) expect(parts.terms[name]).toBeCloseTo(value, 12);
  });

  function evaluated(options: T3dOptions): number {
    const method = t3d(facts, { ...blocks, ...options });
    const prepared = method.prepare(examples, place(numbers));
    const context = { place: place(numbers), totals: method.counts(prepared), products: "float32" } as const;
    return scope(() =>
      item(method.phases[0]!.loss(apart, method.sample!(apart, prepared, context), context).loss),
    );
  }
});

function differenceOf(parameter: Tensor, index: number, loss: () => number): number {
  const values = toNumbers(parameter);
  const set = (value: number) =>
    noGrad(() =>
      scope(() =>
        copy_(
          parameter,
          tensor(
            values.map((one, i) => (i === index ? value : one)),
            parameter.shape,
            { dtype: "float64" },
          ),
        ),
      ),
    );
  const h = 1e-5;
  set(values[index]! + h);
  const above = loss();
  set(values[index]! - h);
  const below = loss();
  set(values[index]!);
  return (above - below) / (2 * h);
}

describe("cost", () => {
  it("is one forward of each network a step, the reference's before the student's", () => {
    const calls: string[] = [];
    const counted = (name: string, network: Network): Network =>
      new Proxy(network, {
        get(target, key) {
          const value: unknown = Reflect.get(target, key);
          if (typeof value !== "function") return value;
          return (...given: unknown[]) => {
            if (key === "logits" || key === "headRows")
              calls.push(`${name} ${given[1] === undefined ? "all" : "rows"}`);
            return value.apply(target, given);
          };
        },
      });
    const networks = {
      student: counted("student", student),
      reference: counted("reference", apart.reference),
    };
    for (const options of [{}, { fidelity: "released", referenceTemp: 1 }, { mostLogits: V }] as const) {
      calls.length = 0;
      step(options, networks);
      expect(calls).toEqual(["reference rows", "student rows"]);
    }
  });

  it("reads logits of supervised rows, and no more, where all is supervised", () => {
    const method = t3d(facts, { ...blocks, maskRatios: [1] });
    const { batch, supervised } = method.prepare(examples, place(numbers));
    expect(batch.reads).toHaveLength(supervised);
    expect(supervised).toBe(examples.reduce((sum, { steps }) => sum + steps.length, 0));
  });
});

describe("rounds", () => {
  const after = (updates: number, options: T3dOptions) => {
    const networks = { student, reference: otherNetwork(student, 0.6) };
    const { phases } = takeStep(t3d(facts, { ...blocks, ...options }), networks, examples, {
      numbers,
      step: updates,
    });
    const isRefreshed = phases[0]!.terms.logp_student_real === phases[0]!.terms.logp_reference_real;
    const weights = ({ parameters }: Network) => [...parameters.values()].flatMap((one) => toNumbers(one));
    expect(weights(networks.reference).join() === weights(student).join()).toBe(isRefreshed);
    return isRefreshed;
  };
  const refreshed = (options: T3dOptions) =>
    [0, 7, 9, 10, 14, 19, 20].filter((updates) => after(updates, options));

  it("begin with the student as reference, every ten updates; as released an update early", () => {
    expect(refreshed({})).toEqual([10, 20]);
    expect(refreshed({ fidelity: "released" })).toEqual([9, 19]);
    expect(refreshed({ roundInterval: 7 })).toEqual([7, 14]);
  });

  it("leave it alone where it stays, or where the best student is wanted, whom the run must find", () => {
    expect(refreshed({ roundInterval: 0 })).toEqual([]);
    expect(refreshed({ fidelity: "paper" })).toEqual([]);
  });
});

describe("options", () => {
  it.each([
    [{ alpha: -1 }, /alpha is -1/],
    [{ beta: Number.NaN }, /beta is NaN/],
    [{ maskRatios: [] }, /mask_ratios is empty/],
    [{ maskRatios: [0.5, 1.5] }, /mask_ratios is 1.5, expected a number from 0 to 1/],
    [{ maskRatios: [0] }, /hides nothing/],
    [{ pathKSteps: 0 }, /path_k_steps is 0, expected an integer of at least 1/],
    [{ blockSize: 2.5 }, /block_size is 2.5/],
    [{ randomRatio: 2 }, /random_ratio is 2/],
    [{ randomTokens: 99 }, /random_tokens is 99, expected an integer from 1 to 11/],
    [{ lambdaPath: -0.1 }, /lambda_path/],
    [{ roundInterval: -1 }, /round_interval/],
    [{ referenceTemp: -1 }, /reference_temp/],
  ] as [T3dOptions, RegExp][])("refuses %j in one sentence", (options, message) => {
    expect(() => t3d(facts, options)).toThrow(ConfigError);
    expect(() => t3d(facts, options)).toThrow(message);
  });
});
