import { expect, it } from "vitest";
import { newCanvas } from "./canvas.ts";
import { decode } from "./decode.ts";
import { fastDllm } from "./policies/fast-dllm.ts";
import { Recorder } from "./recorder.ts";
import { scriptedProposer } from "./scripted.ts";

const policy = fastDllm({
  rule: { kind: "threshold", threshold: 0.75 },
  ...{ blockLength: 4, cache: "none", remasking: "low_confidence", seed: 1, fidelity: "corrected" },
});

async function record(proposals: boolean) {
  const canvas = newCanvas({ length: 6, noiseId: 9, prompt: [7, 7] });
  const recorder = new Recorder(canvas, { proposals });
  // Columns 3 and 5 are sure at once, the others one forward later.
  const proposer = scriptedProposer((_, column, forward) => ({
    token: 10 * forward + column,
    probability: column % 2 === 1 || forward > 0 ? 0.875 : 0.25,
    entropy: forward,
  }));
  for await (const steps of decode([canvas], proposer, policy)) for (const step of steps) recorder.add(step);
  return recorder.finish({ promptLength: 2, end: 5, finishReason: "stop", seconds: 1 });
}

it("keeps what was committed, and no more", async () => {
  const { token_ids, reveal_step, confidence, proposals } = await record(false);
  expect([token_ids, reveal_step, confidence]).toEqual([
    [12, 3, 14],
    [1, 0, 1],
    [0.875, 0.875, 0.875],
  ]);
  expect(proposals).toBeUndefined();
});

it("keeps everything that was proposed where that is asked for, beyond the end of the text too", async () => {
  const { proposals, ...rest } = await record(true);
  expect(rest).toEqual({ ...(await record(false)) });
  expect(proposals).toEqual({
    ...{ length: 4, count: [4, 2], column: [0, 1, 2, 3, 0, 2], token: [2, 3, 4, 5, 12, 14] },
    ...{ committed: [0, 1, 0, 1, 1, 1], entropy: [0, 0, 0, 0, 1, 1] },
    confidence: [0.25, 0.875, 0.25, 0.875, 0.875, 0.875],
    probability: [0.25, 0.875, 0.25, 0.875, 0.875, 0.875],
  });
});
