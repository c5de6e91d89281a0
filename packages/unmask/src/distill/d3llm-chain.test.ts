// The whole way on a small network: a teacher writes one token a forward, its trajectories become examples, d3LLM's steps
// are taken, and the student writes the same texts in fewer forwards.

import { setRequiresGrad, soloWorld, tensor } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { tinyNetwork as network, tiny } from "../../test/oracle/tiny-networks.ts";
import { newCanvas } from "../decode/canvas.ts";
import { decode } from "../decode/decode.ts";
import { blockEntropy } from "../decode/policies/block-entropy.ts";
import type { Policy } from "../decode/policies/policy.ts";
import { Recorder } from "../decode/recorder.ts";
import type { Network } from "../models/family.ts";
import { modelProposer } from "../propose/propose.ts";
import { RatioBuckets } from "../train/ratio-buckets.ts";
import { takeStep } from "../train/step.ts";
import { Trained } from "../train/trained.ts";
import type { Trajectory } from "../trajectory/record.ts";
import { d3llmMethod } from "./d3llm.ts";
import { d3llmExamples } from "./teacher-trace.ts";

const { maskId, padId } = tiny;
const newTokens = 8;
const prompts = [
  [1, 2, 3],
  [4, 5],
  [6, 7, 8, 9],
  [3, 3],
];

/** Trajectories of all prompts. */
async function write(model: Network, policy: Policy, shift: 0 | 1): Promise<Trajectory[]> {
  const canvases = prompts.map((prompt, sequence) =>
    newCanvas({ length: prompt.length + newTokens, noiseId: maskId, sequence, prompt }),
  );
  const recorders = canvases.map((canvas) => new Recorder(canvas));
  const never = new Float64Array(tiny.vocabularySize);
  never[maskId] = -1e30;
  const forbidden = tensor(never);
  const proposer = modelProposer(model, { seed: 0, shift, sampling: { temperature: 0 }, forbidden });
  for await (const steps of decode(canvases, proposer, policy)) {
    for (const step of steps) recorders[step.row]!.add(step);
  }
  return recorders.map((recorder, row) =>
    recorder.finish({
      ...{ promptLength: prompts[row]!.length, end: canvases[row]!.length },
      ...{ finishReason: "length", seconds: 0 },
    }),
  );
}

describe.each([
  ["llada", 0],
  ["dream", 1],
] as const)("from a teacher's trajectories to a student on %s", (family, shift) => {
  it("writes the teacher's texts in fewer forwards", async () => {
    const student = network(family);
    const recording = blockEntropy({ threshold: Number.NEGATIVE_INFINITY, blockLength: 4 });
    const recorded = await write(student, recording, shift);
    expect(recorded.map(({ forwards }) => forwards)).toEqual(prompts.map(() => newTokens));
    const { examples, counts } = d3llmExamples(recorded, { end_ids: [], mask_id: maskId });
    expect(counts.kept).toBe(4);
    const fast = blockEntropy({ threshold: 0.5, blockLength: 4 });
    const forwards = (rows: Trajectory[]) => rows.reduce((sum, row) => sum + row.forwards, 0);
    const before = forwards(await write(student, fast, shift));

    for (const one of student.parameters.values()) setRequiresGrad(one, true);
    const options = { rate: () => 0.02, betas: [0.9, 0.99], weightDecay: 0 } as const;
    const job = {
      method: d3llmMethod({ maskId, padId, shift, progressiveBlockSizes: [2, 4], answerLength: newTokens }),
      ...{ networks: { student }, world: soloWorld, seed: 1, batchSize: 4, microBatchSize: 4 },
      products: "float32" as const,
      trained: new Map([["student", new Trained(student.parameters, options, soloWorld)]]),
      source: {
        fingerprint: "x",
        count: 4,
        at: async (wanted: readonly number[]) => wanted.map((n) => examples[n % 4]!),
      },
    };
    const losses: number[] = [];
    for (let step = 0; step < 80; step++) {
      const { phases } = await takeStep(job, { step, progress: step / 80, buckets: new RatioBuckets() });
      losses.push(phases[0]!.loss);
    }
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    expect(mean(losses.slice(-10))).toBeLessThan(mean(losses.slice(0, 10)) / 4);

    const after = await write(student, fast, shift);
    // Tokens that depend on each other are now written together: a few may differ.
    const tokens = (rows: Trajectory[]) => rows.flatMap((row) => [...row.token_ids]);
    const same = tokens(after).filter((token, i) => token === tokens(recorded)[i]);
    expect(same.length).toBeGreaterThan(0.7 * prompts.length * newTokens);
    expect(forwards(after)).toBeLessThan(before / 2);
  });
});
