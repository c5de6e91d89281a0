// The whole way on a small network: a teacher draws one token a forward, its trajectories become examples, steps are
// taken, and the student writes the teacher's texts a block a forward.

import { setRequiresGrad, soloWorld, tensor } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { tiny, tinyNetwork } from "../../test/oracle/tiny-networks.ts";
import { tinyFacts } from "../../test/oracle/tiny-trajectories.ts";
import { newCanvas } from "../decode/canvas.ts";
import { decode } from "../decode/decode.ts";
import { readOptions } from "../decode/decoder.ts";
import { blockDiffusionDecoder } from "../decode/policies/block-diffusion.ts";
import { Recorder } from "../decode/recorder.ts";
import type { Network } from "../models/family.ts";
import { modelProposer } from "../propose/propose.ts";
import { RatioBuckets } from "../train/ratio-buckets.ts";
import { type Job, takeStep } from "../train/step.ts";
import { Trained } from "../train/trained.ts";
import type { Trajectory } from "../trajectory/record.ts";
import { distillers } from "./distillers.ts";
import { type TrajectoryExample, trajectoryExamples } from "./trajectory-example.ts";

const prompts = [
  [1, 2, 3],
  [4, 5],
  [6, 7, 8, 9],
  [3, 3],
  [9, 1, 9, 2, 5],
];
const newTokens = 9;

/** Trajectories of all prompts, with so many steps a block. */
async function write(model: Network, steps: number, temperature = 0): Promise<Trajectory[]> {
  const rows: Trajectory[] = [];
  const never = new Float64Array(tiny.vocabularySize);
  never[tiny.maskId] = -1e30;
  const forbidden = tensor(never);
  for (const [sequence, prompt] of prompts.entries()) {
    const facts = { ...tinyFacts, endIds: [], contextLength: 64, denoises: true };
    const options = readOptions(blockDiffusionDecoder, { denoising_steps: steps, temperature });
    const context = {
      facts,
      seed: 0,
      fidelity: "corrected" as const,
      promptLength: prompt.length,
      newTokens,
    };
    const { policy, sampling, extraColumns = 0 } = blockDiffusionDecoder.create(options, context);
    const length = prompt.length + newTokens + extraColumns;
    const canvas = newCanvas({ length, noiseId: tiny.maskId, sequence, prompt });
    const recorder = new Recorder(canvas);
    for await (const taken of decode(
      [canvas],
      modelProposer(model, { seed: 0, sampling, forbidden }),
      policy,
    )) {
      for (const step of taken) recorder.add(step);
    }
    const end = prompt.length + newTokens;
    rows.push(recorder.finish({ promptLength: prompt.length, end, finishReason: "length", seconds: 0 }));
  }
  return rows;
}

const tokens = (rows: readonly Trajectory[]) => rows.flatMap(({ token_ids: ids }) => [...ids]);
const forwards = (rows: readonly Trajectory[]) => rows.reduce((sum, row) => sum + row.forwards, 0);
function agreement(rows: readonly Trajectory[], others: readonly Trajectory[]): number {
  const [own, other] = [tokens(rows), tokens(others)];
  return own.filter((token, i) => token === other[i]).length / own.length;
}

/** A student after so many steps, and the losses of the first and the last ten. */
async function trained<Networks, Prepared, Batch>(
  work: Pick<Job<Networks, TrajectoryExample, Prepared, Batch>, "method" | "networks">,
  student: Network,
  examples: readonly TrajectoryExample[],
): Promise<[number, number]> {
  for (const one of student.parameters.values()) setRequiresGrad(one, true);
  const options = { rate: () => 0.02, betas: [0.9, 0.99], weightDecay: 0 } as const;
  const job = {
    ...{ ...work, world: soloWorld, seed: 1, batchSize: examples.length, microBatchSize: 3 },
    products: "float32" as const,
    trained: new Map([["student", new Trained(student.parameters, options, soloWorld)]]),
    source: {
      ...{ fingerprint: "x", count: examples.length },
      at: async (wanted: readonly number[]) => wanted.map((n) => examples[n % examples.length]!),
    },
  };
  const losses: number[] = [];
  for (let step = 0; step < 60; step++) {
    const { phases } = await takeStep(job, { step, progress: step / 60, buckets: new RatioBuckets() });
    losses.push(phases[0]!.terms.path ?? phases[0]!.loss);
  }
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  return [mean(losses.slice(0, 10)), mean(losses.slice(-10))];
}

describe("from a teacher's trajectories to a student that writes a block a forward", () => {
  // 20 % of the tokens are the teacher's before. Independent masks meet a fully masked block less often.
  it.each([
    ["t3d", 0.65],
    ["trajectory", 0.85],
    ["sft", 0.4],
  ] as const)("%s", async (name, least) => {
    const student = tinyNetwork("sdar");
    const recorded = await write(student, 3, 1);
    const { examples, counts } = trajectoryExamples(recorded, { end_ids: [], mask_id: tiny.maskId });
    expect(counts.kept).toBe(prompts.length);
    const before = await write(student, 1);
    expect(forwards(before)).toBeLessThan(0.7 * forwards(recorded));
    expect(agreement(before, recorded)).toBeLessThan(0.3);

    const options = { blockSize: 3 };
    const reference = tinyNetwork("sdar");
    for (const one of reference.parameters.values()) setRequiresGrad(one, false);
    const [first, last] =
      name === "t3d"
        ? await trained(
            { method: distillers.t3d.create(tinyFacts, options), networks: { student, reference } },
            student,
            examples,
          )
        : await trained(
            {
              method: distillers[name].create(tinyFacts, options) as ReturnType<typeof distillers.sft.create>,
              networks: { student },
            },
            student,
            examples,
          );
    expect(last).toBeLessThan(first / 1.5);
    const after = await write(student, 1);
    expect(forwards(after)).toBe(forwards(before));
    expect(agreement(after, recorded)).toBeGreaterThan(least);
  });
});
