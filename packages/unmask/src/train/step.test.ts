// Steps of a method of two networks, each one vector: a student w and a critic c. Host: x of each example. Losses are
// means over examples of (w · x − 1)² and of (c · x − w · x)², with rollouts w · x drawn before either is updated.

import {
  add,
  keep,
  liveTensors,
  mul,
  setRequiresGrad,
  soloWorld,
  sub,
  sum,
  type Tensor,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import type { Method, Place } from "./method.ts";
import { describeNonFinite, NonFiniteError } from "./non-finite.ts";
import { RatioBuckets } from "./ratio-buckets.ts";
import { type Job, takeStep } from "./step.ts";
import { Trained } from "./trained.ts";

interface Nets {
  readonly student: Tensor;
  readonly critic: Tensor;
}
interface Prepared {
  readonly xs: readonly number[];
  readonly place: Place;
}
interface Batch extends Prepared {
  readonly rolled: Tensor;
}

const value = (example: number): number => 1 + (example % 3) / 2;

function methodOf(change: { spoil?: number } = {}): Method<Nets, number, Prepared, Batch> {
  const xs = (batch: Batch) => tensor(Float64Array.from(batch.xs), undefined, { dtype: "float64" });
  return {
    name: "two",
    prepare: (examples, place) => ({ xs: examples, place }),
    counts: ({ xs: all }) => ({ examples: all.length }),
    tokens: ({ xs: all }) => 10 * all.length,
    sample: ({ student }, prepared) => ({
      ...prepared,
      rolled: mul(student, tensor(Float64Array.from(prepared.xs), undefined, { dtype: "float64" })),
    }),
    phases: [
      {
        name: "judge",
        updates: "critic",
        active: (step) => step % 2 === 0,
        loss({ critic, student }, batch, { totals }) {
          const miss = sub(mul(critic, xs(batch)), mul(student, xs(batch)));
          const loss = mul(sum(mul(miss, miss)), 1 / totals.examples!);
          return { loss, terms: { twice: mul(loss, 2), constant: batch.xs.length / totals.examples! } };
        },
      },
      {
        name: "learn",
        updates: "student",
        loss({ student }, batch, { totals, place }) {
          const miss = sub(mul(student, xs(batch)), 1);
          const spoiled = place.examples.includes(change.spoil ?? -1) ? Number.NaN : 0;
          const loss = add(mul(sum(mul(miss, miss)), 1 / totals.examples!), spoiled);
          return {
            loss,
            terms: { rolled: sum(batch.rolled), spoiled },
            positions: { losses_N: mul(miss, miss), times: batch.xs.map((x) => x / 4) },
          };
        },
      },
    ],
  };
}

function jobOf(method: Method<Nets, number, Prepared, Batch>, microBatchSize: number) {
  const leaf = (start: number) =>
    setRequiresGrad(tensor(Float64Array.of(start), undefined, { dtype: "float64" }), true);
  const networks = { student: keep(leaf(0.5)), critic: keep(leaf(2)) };
  const options = { rate: () => 0.1, betas: [0.9, 0.99], weightDecay: 0 } as const;
  const trained = new Map(
    (["student", "critic"] as const).map((role) => [
      role as string,
      new Trained(new Map([["w", networks[role]]]), options, soloWorld),
    ]),
  );
  const asked: number[][] = [];
  const source = {
    fingerprint: "x",
    count: undefined,
    at: async (numbers: readonly number[]) => {
      asked.push([...numbers]);
      return numbers.map(value);
    },
  };
  const job: Job<Nets, number, Prepared, Batch> = {
    ...{ method, networks, trained, source, world: soloWorld, seed: 3 },
    ...{ batchSize: 5, microBatchSize, products: "float32" },
  };
  return { job, asked };
}

const weightsOf = ({ networks }: { networks: Nets }) => [
  ...toNumbers(networks.student),
  ...toNumbers(networks.critic),
];

describe("a step", () => {
  it("is the same in one batch and in micro-batches of any size", async () => {
    const results: unknown[] = [];
    for (const size of [5, 4, 2, 1]) {
      const { job, asked } = jobOf(methodOf(), size);
      const buckets = new RatioBuckets();
      const outcomes = [0, 1, 2].map((step) => () => takeStep(job, { step, progress: 0, buckets }));
      const steps = [];
      for (const take of outcomes) steps.push(await take());
      expect(asked).toEqual([
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
        [10, 11, 12, 13, 14],
      ]);
      const round = (x: number) => Number(x.toFixed(9));
      results.push([
        weightsOf(job).map(round),
        steps.map(({ tokens, phases }) => [
          tokens,
          phases.map(({ name, loss, gradientNorm, terms }) => [
            name,
            ...[loss, gradientNorm, ...Object.values(terms)].map(round),
          ]),
        ]),
        buckets.numbers().map(round),
      ]);
    }
    for (const other of results.slice(1)) expect(other).toEqual(results[0]);
  });

  it("runs the phases that are active, each on its own network, with what was sampled before all", async () => {
    const { job } = jobOf(methodOf(), 5);
    const [w, c] = weightsOf(job);
    const buckets = new RatioBuckets();
    const first = await takeStep(job, { step: 0, progress: 0, buckets });
    expect(first.phases.map(({ name, updates }) => [name, updates])).toEqual([
      ["judge", "critic"],
      ["learn", "student"],
    ]);
    const xs = [0, 1, 2, 3, 4].map(value);
    const mean = (f: (x: number) => number) => xs.reduce((total, x) => total + f(x), 0) / 5;
    expect(first.phases[0]!.loss).toBeCloseTo(mean((x) => (c! * x - w! * x) ** 2));
    expect(first.phases[0]!.terms).toEqual({ twice: 2 * first.phases[0]!.loss, constant: 1 });
    expect(first.phases[1]!.loss).toBeCloseTo(mean((x) => (w! * x - 1) ** 2));
    expect(first.phases[1]!.terms.rolled).toBeCloseTo(5 * mean((x) => w! * x));
    expect(first.tokens).toBe(50);
    const before = weightsOf(job);
    const second = await takeStep(job, { step: 1, progress: 0, buckets });
    expect(second.phases.map(({ name }) => name)).toEqual(["learn"]);
    expect(weightsOf(job)[1]).toBe(before[1]);
    expect(weightsOf(job)[0]).not.toBe(before[0]);
  });

  it("leaves no tensor behind", async () => {
    const { job } = jobOf(methodOf(), 2);
    const buckets = new RatioBuckets();
    await takeStep(job, { step: 0, progress: 0, buckets });
    const { count } = liveTensors();
    for (let step = 1; step < 6; step++) await takeStep(job, { step, progress: 0, buckets });
    expect(liveTensors().count).toBeLessThanOrEqual(count);
  });

  it("that comes to no number updates nothing, names the term and keeps the batches", async () => {
    const { job } = jobOf(methodOf({ spoil: 3 }), 2);
    const [w] = weightsOf(job);
    const error = await takeStep(job, { step: 0, progress: 0, buckets: new RatioBuckets() }).then(
      () => expect.fail("no error"),
      (thrown: unknown) => thrown as NonFiniteError,
    );
    expect(error).toBeInstanceOf(NonFiniteError);
    expect(describeNonFinite(error.found)).toMatch(
      /^the loss became NaN \(term spoiled is NaN; gradient norm .*\) at step 1$/,
    );
    expect(error.found.prepared).toHaveLength(3);
    expect(weightsOf(job)[0]).toBe(w);
  });
});
