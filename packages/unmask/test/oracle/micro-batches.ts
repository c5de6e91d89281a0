// What a step of a method with a teacher that takes on the student's weights must not depend on: how its batch is cut.

import { setRequiresGrad, soloWorld, toNumbers } from "@unmask/torch";
import { expect } from "vitest";
import type { Network } from "../../src/models/family.ts";
import type { Method } from "../../src/train/method.ts";
import { RatioBuckets } from "../../src/train/ratio-buckets.ts";
import { takeStep } from "../../src/train/step.ts";
import { Trained } from "../../src/train/trained.ts";

interface Pair {
  readonly student: Network;
  readonly teacher: Network;
}

const numbers = (model: Network) => [...model.parameters.values()].flatMap((one) => [...toNumbers(one)]);

/**
 * Three steps on three examples, in micro-batches of 3, 2 and 1: losses and weights agree to 1e-6, and the teacher is the
 * student as it was before the last step. A method is made anew for each, with a round of two updates.
 */
export async function expectMicroBatchesAddUp<Example, Prepared, Batch>(
  newMethod: () => Method<Pair, Example, Prepared, Batch>,
  newNetworks: () => Pair,
  examples: readonly Example[],
): Promise<void> {
  const results: number[][] = [];
  for (const microBatchSize of [3, 2, 1]) {
    const networks = newNetworks();
    for (const one of networks.teacher.parameters.values()) setRequiresGrad(one, false);
    const options = { rate: () => 0.01, betas: [0.9, 0.99], weightDecay: 0 } as const;
    const job = {
      ...{ method: newMethod(), networks, world: soloWorld, seed: 2, batchSize: 3, microBatchSize },
      products: "float32" as const,
      trained: new Map([["student", new Trained(networks.student.parameters, options, soloWorld)]]),
      source: {
        fingerprint: "x",
        count: 3,
        at: async (wanted: readonly number[]) => wanted.map((n) => examples[n % 3]!),
      },
    };
    const losses: number[] = [];
    let before: number[] = [];
    for (const step of [0, 1, 2]) {
      before = numbers(networks.student);
      const { phases } = await takeStep(job, { step, progress: 0, buckets: new RatioBuckets() });
      losses.push(phases[0]!.loss);
    }
    expect(numbers(networks.teacher)).toEqual(before);
    results.push([...losses, ...numbers(networks.student)]);
  }
  for (const other of results.slice(1)) {
    const miss = other.map((value, i) => Math.abs(value - results[0]![i]!));
    expect(Math.max(...miss)).toBeLessThan(1e-6);
  }
}
