// What every line of the distillers table keeps, shown on small networks in float64. Used by distillers.test.ts.

import {
  copy_,
  liveTensors,
  noGrad,
  scope,
  setRequiresGrad,
  soloWorld,
  type Tensor,
  tensor,
  toNumbers,
} from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { takeStep as gradients, type PhaseResult } from "../../test/oracle/method-step.ts";
import type { Method, Place } from "../train/method.ts";
import { RatioBuckets } from "../train/ratio-buckets.ts";
import { takeStep } from "../train/step.ts";
import { Trained } from "../train/trained.ts";

/** Networks of a run by role; what a critic trains is a part of it. */
export interface SubjectNetworks<Networks> {
  readonly networks: Networks;
  readonly trained: ReadonlyMap<string, ReadonlyMap<string, Tensor>>;
}

export interface DistillSubject<Networks, Example, Prepared, Batch> {
  readonly name: string;
  method(): Method<Networks, Example, Prepared, Batch>;
  /** Made anew, the same every time. */
  make(): SubjectNetworks<Networks>;
  /** Four at least. */
  readonly examples: readonly Example[];
  /** Its noise is an example's for good, whatever number the example comes under. */
  readonly isFrozen?: boolean | undefined;
  /** Examples of which nothing is learnt, and the count that says so. */
  readonly empty?: { readonly examples: readonly Example[]; readonly count?: string | undefined } | undefined;
}

type AnySubject<Networks extends object, Example, Prepared, Batch> = DistillSubject<
  Networks,
  Example,
  Prepared,
  Batch
>;

const seed = 5;
const numbersOf = (count: number) => Array.from({ length: count }, (_, i) => 30 + i);

export function distillerContract<Networks extends object, Example, Prepared, Batch>(
  subject: AnySubject<Networks, Example, Prepared, Batch>,
): void {
  describe(`distiller ${subject.name}`, () => {
    describe("prepare", () => prepareContract(subject));
    describe("losses", () => lossContract(subject));
    describe("phases", () => phaseContract(subject));
    if (subject.empty !== undefined) describe("empty examples", () => emptyContract(subject));
  });
}

function placeOf(numbers: readonly number[], change: Partial<Place> = {}): Place {
  return { seed, step: 0, examples: numbers, first: 0, count: numbers.length, progress: 0.5, ...change };
}

function prepareContract<Networks extends object, Example, Prepared, Batch>(
  subject: AnySubject<Networks, Example, Prepared, Batch>,
): void {
  const { examples } = subject;
  const numbers = numbersOf(examples.length);

  it("is a function of examples and place, and leaves both as they were", () => {
    const method = subject.method();
    const before = JSON.stringify(examples);
    const place = Object.freeze(placeOf(numbers));
    const prepared = method.prepare(examples, place);
    expect(JSON.stringify(examples)).toBe(before);
    method.prepare(examples, placeOf(numbers.map((one) => one + 100)));
    expect(subject.method().prepare(examples, place)).toEqual(prepared);
    expect(method.prepare(examples, place)).toEqual(prepared);
  });

  it("draws other noise for another seed and, unless it is frozen, other numbers", () => {
    const method = subject.method();
    const prepared = method.prepare(examples, placeOf(numbers));
    expect(method.prepare(examples, placeOf(numbers, { seed: seed + 1 }))).not.toEqual(prepared);
    const later = method.prepare(examples, placeOf(numbers.map((one) => one + 50)));
    if (subject.isFrozen === true) expect(later).toEqual(prepared);
    else expect(later).not.toEqual(prepared);
  });

  it("counts under the same names whatever the examples, and adds up over parts", () => {
    const method = subject.method();
    const part = (from: number, to: number) =>
      method.counts(
        method.prepare(
          examples.slice(from, to),
          placeOf(numbers.slice(from, to), { first: from, count: examples.length }),
        ),
      );
    const [whole, first, rest] = [part(0, examples.length), part(0, 1), part(1, examples.length)];
    expect(Object.keys(first)).toEqual(Object.keys(whole));
    for (const [name, count] of Object.entries(whole))
      expect(first[name]! + rest[name]!).toBeCloseTo(count, 9);
    expect(method.tokens(method.prepare(examples, placeOf(numbers)))).toBeGreaterThan(0);
  });
}

function lossContract<Networks extends object, Example, Prepared, Batch>(
  subject: AnySubject<Networks, Example, Prepared, Batch>,
): void {
  const { examples } = subject;
  const numbers = numbersOf(examples.length);
  const phases = (options: { parts?: number[]; recompute?: boolean } = {}) => {
    const { networks, trained } = subject.make();
    return scope(
      () => gradients(subject.method(), networks, examples, { seed, numbers, trained, ...options }).phases,
    );
  };

  it("are the same every time, to the bit, finite, and have a gradient for the network that is updated", () => {
    const once = phases();
    expect(phases()).toEqual(once);
    const { method } = subject;
    once.forEach(({ name, loss, terms, gradients: all, positions }, i) => {
      expect([loss, ...Object.values(terms)].every(Number.isFinite)).toBe(true);
      expect(positions.losses.every(Number.isFinite)).toBe(true);
      expect(positions.times).toHaveLength(positions.losses.length);
      expect(positions.times.every((time) => time >= 0 && time <= 1)).toBe(true);
      const { updates, name: own } = method().phases[i]!;
      expect(own).toBe(name);
      expect(Object.keys(all).filter((role) => Object.keys(all[role]!).length > 0)).toEqual([updates]);
      const flat = Object.values(all[updates]!).flat();
      expect(flat.every(Number.isFinite)).toBe(true);
      expect(Math.hypot(...flat)).toBeGreaterThan(0);
    });
  });

  it("of micro-batches add up to that of the whole, terms and gradients too", () => {
    const whole = phases();
    const n = examples.length;
    for (const parts of [[1, n - 1], [n - 1, 1], Array<number>(n).fill(1)]) same(phases({ parts }), whole);
  });

  it("are the same where layers are computed again", () => same(phases({ recompute: true }), phases()));

  it("leave no tensor behind", () => {
    const { networks, trained } = subject.make();
    const take = () =>
      scope(() => gradients(subject.method(), networks, examples, { seed, numbers, trained }));
    take();
    const before = liveTensors().count;
    take();
    expect(liveTensors().count).toBe(before);
  });
}

function same(found: readonly PhaseResult[], expected: readonly PhaseResult[]): void {
  expected.forEach((phase, i) => {
    const own = found[i]!;
    expect(own.loss).toBeCloseTo(phase.loss, 9);
    for (const [name, value] of Object.entries(phase.terms)) expect(own.terms[name]).toBeCloseTo(value, 9);
    for (const [role, all] of Object.entries(phase.gradients)) {
      for (const [name, values] of Object.entries(all)) {
        values.forEach((value, k) => {
          expect(own.gradients[role]![name]![k]!).toBeCloseTo(value, 8);
        });
      }
    }
    expect([...own.positions.losses].sort()).toHaveLength(phase.positions.losses.length);
  });
}

function phaseContract<Networks extends object, Example, Prepared, Batch>(
  subject: AnySubject<Networks, Example, Prepared, Batch>,
): void {
  it("update the networks that they name, and no others", async () => {
    const { networks, trained } = subject.make();
    const method = subject.method();
    const options = { rate: () => 0.01, betas: [0.9, 0.99], weightDecay: 0 } as const;
    const { examples } = subject;
    const job = {
      ...{ method, networks, world: soloWorld, seed, products: "float32" as const },
      ...{ batchSize: examples.length, microBatchSize: 2 },
      trained: new Map([...trained].map(([role, own]) => [role, new Trained(own, options, soloWorld)])),
      source: {
        ...{ fingerprint: "contract", count: examples.length },
        at: async (wanted: readonly number[]) => wanted.map((n) => examples[n % examples.length]!),
      },
    };
    const before = valuesOf(networks);
    const { phases } = await takeStep(job, { step: 0, progress: 0, buckets: new RatioBuckets() });
    const after = valuesOf(networks);
    const updated = new Set(phases.map(({ updates }) => updates));
    expect(phases.map(({ name }) => name)).toEqual(
      method.phases.filter(({ active }) => active?.(0) ?? true).map(({ name }) => name),
    );
    for (const role of Object.keys(before)) {
      if (updated.has(role)) expect(after[role]).not.toEqual(before[role]);
      else expect(after[role]).toEqual(before[role]);
    }
    for (const one of job.trained.values()) one.dispose();
  });
}

function valuesOf(networks: object): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(networks as Record<string, { parameters: ReadonlyMap<string, Tensor> }>).map(
      ([role, { parameters }]) => [role, [...parameters.values()].flatMap((one) => toNumbers(one))],
    ),
  );
}

function emptyContract<Networks extends object, Example, Prepared, Batch>(
  subject: AnySubject<Networks, Example, Prepared, Batch>,
): void {
  const { examples, count } = subject.empty!;
  const numbers = numbersOf(examples.length + subject.examples.length);
  const take = (some: readonly Example[]) => {
    const { networks, trained } = subject.make();
    return scope(() => gradients(subject.method(), networks, some, { seed, numbers, trained }));
  };

  it("are no loss, with gradients of 0 or none, and are counted", () => {
    const { phases, totals } = take(examples);
    if (count !== undefined) expect(totals[count]).toBe(examples.length);
    for (const { loss, terms, gradients: all } of phases) {
      expect(Math.abs(loss)).toBe(0);
      expect(Object.values(terms).every(Number.isFinite)).toBe(true);
      const flat = Object.values(all).flatMap((own) => Object.values(own).flat());
      expect(flat.every((value) => Math.abs(value) === 0)).toBe(true);
    }
  });

  it("change nothing for the others", () => {
    const [alone, beside] = [take(subject.examples), take([...subject.examples, ...examples])];
    if (count !== undefined) expect(beside.totals[count]).toBe(alone.totals[count]! + examples.length);
    same(beside.phases, alone.phases);
  });
}

/** Networks of the same kind with other weights stand for a reference or teacher. */
export function disturbed<Own extends { parameters: ReadonlyMap<string, Tensor> }>(
  network: Own,
  next: () => number,
): Own {
  noGrad(() => {
    for (const weight of network.parameters.values()) {
      const values = toNumbers(weight).map((value) => value + 0.4 * (next() - 0.5));
      scope(() => copy_(weight, tensor(values, weight.shape, { dtype: weight.dtype })));
    }
  });
  for (const weight of network.parameters.values()) setRequiresGrad(weight, false);
  return network;
}
