// What an example is noised to hangs on the example alone: never on the number of processes or the size of micro-batches.

import { keep, setRequiresGrad, soloWorld, sum, type Tensor, tensor, type World } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { absorbingNoise, uniformNoise } from "../diffusion/noise.ts";
import { logLinear } from "../diffusion/schedule.ts";
import type { Answer, MaskedBatch } from "./masked-batch.ts";
import { answerMethod, blockMethod, type MaskedMethod, rowMethod } from "./masked-method.ts";
import type { Method } from "./method.ts";
import { RatioBuckets } from "./ratio-buckets.ts";
import { takeStep } from "./step.ts";
import { Trained } from "./trained.ts";

const absorbing = absorbingNoise({ schedule: logLinear(), maskId: 15, vocabularySize: 16 });
const uniform = uniformNoise({ schedule: logLinear(), vocabularySize: 16 });
const options = { noise: absorbing, padId: 14, padding: "none" } as const;
const length = 8;
const batchSize = 5;

/** Example n: answers of several lengths where rows need not be alike. */
const example = (n: number, even: boolean): Answer => ({
  ids: Array.from({ length: even ? length : 4 + (n % 5) }, (_, i) => (3 * n + i) % 14),
  promptLength: even ? 0 : 1 + (n % 3),
});

interface Seen {
  readonly examples: readonly number[];
  readonly batch: MaskedBatch;
}

/** The batches of two steps, as `processes` processes prepare them one after the other. */
async function seenBy(
  method: MaskedMethod,
  { processes, micro, even }: { processes: number; micro: number; even: boolean },
): Promise<Seen[]> {
  const seen: Seen[] = [];
  const parameter = setRequiresGrad(keep(tensor([1])), true);
  const recording: Method<{ student: Tensor }, Answer, MaskedBatch> = {
    ...{ name: method.name, counts: method.counts, tokens: method.tokens },
    prepare(examples, place) {
      const batch = method.prepare(examples, place);
      seen.push({ examples: place.examples, batch });
      return batch;
    },
    phases: [{ name: "train", updates: "student", loss: ({ student }) => ({ loss: sum(student) }) }],
  };
  const trained = new Trained(
    new Map([["w", parameter]]),
    { rate: () => 0, betas: [0, 0], weightDecay: 0 },
    soloWorld,
  );
  for (let rank = 0; rank < processes; rank++) {
    const world: World = { ...soloWorld, rank, size: processes };
    const job = {
      ...{ method: recording, networks: { student: parameter }, trained: new Map([["student", trained]]) },
      ...{ world, seed: 3, batchSize, microBatchSize: micro, products: "float32" as const },
      source: {
        ...{ fingerprint: "", count: undefined },
        at: async (numbers: readonly number[]) => numbers.map((n) => example(n, even)),
      },
    };
    for (const step of [0, 1]) await takeStep(job, { step, progress: 0, buckets: new RatioBuckets() });
  }
  trained.dispose();
  return seen;
}

/** Of each example, by number: what the network is asked. */
function askedOf(
  seen: readonly Seen[],
  ofRow: (batch: MaskedBatch, row: number) => unknown,
): Map<number, unknown> {
  return new Map(
    seen
      .flatMap(({ examples, batch }) => examples.map((number, row) => [number, ofRow(batch, row)] as const))
      .sort(([a], [b]) => a - b),
  );
}

/** Times and noised tokens of a row, in order. */
function noised({ reads, noisy, targets, times, length: columns }: MaskedBatch, row: number): unknown {
  const own = [...reads.keys()].filter((i) => Math.floor(reads[i]! / columns) === row);
  return own.map((i) => [noisy[i], targets[i], times[i]]);
}

const methods: [string, MaskedMethod, boolean][] = [
  ["rows", rowMethod(absorbing), true],
  ["rows of uniform noise", rowMethod(uniform), true],
  ["answers", answerMethod(options), false],
  ["answers with a shift", answerMethod({ ...options, shift: 1 }), false],
  ["blocks", blockMethod({ ...options, blockLength: 2 }), false],
];

describe.each(methods)("%s", (_name, method, even) => {
  it.each([
    [2, 5],
    [3, 5],
    [5, 1],
    [1, 2],
    [2, 2],
  ])("are the same for %i processes and micro-batches of %i", async (processes, micro) => {
    const alone = askedOf(await seenBy(method, { processes: 1, micro: batchSize, even }), noised);
    const found = askedOf(await seenBy(method, { processes, micro, even }), noised);
    expect([...found.keys()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(found).toEqual(alone);
    expect([...alone.values()].flat().length).toBeGreaterThan(10);
  });
});
