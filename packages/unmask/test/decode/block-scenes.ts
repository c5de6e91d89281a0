// Canvases and random tables for tests of block diffusion.

import { newCanvas } from "../../src/decode/canvas.ts";
import { decode, type SequenceStep } from "../../src/decode/decode.ts";
import { type DecodeFacts, type Fidelity, type OptionValues, readOptions } from "../../src/decode/decoder.ts";
import { blockDiffusionDecoder } from "../../src/decode/policies/block-diffusion.ts";
import { scriptedProposer } from "../../src/decode/scripted.ts";
import { mulberry32 } from "../oracle/mulberry32.ts";

export const maskId = 99;
export const facts: DecodeFacts = {
  family: "sdar",
  maskId,
  endIds: [],
  shift: 0,
  blockLength: 4,
  contextLength: 100,
  denoises: true,
};
export const fidelities: Fidelity[] = ["corrected", "released"];

export interface Scene {
  promptLength: number;
  newTokens: number;
  options?: OptionValues;
  fidelity?: Fidelity;
  sequence?: number;
  endIds?: readonly number[];
}

export function sceneOf({
  promptLength,
  newTokens,
  options = {},
  fidelity = "corrected",
  sequence = 0,
  endIds = [],
}: Scene) {
  const context = { facts: { ...facts, endIds }, seed: 5, fidelity, promptLength, newTokens };
  const ready = blockDiffusionDecoder.create(readOptions(blockDiffusionDecoder, options), context);
  const prompt = Array.from({ length: promptLength }, (_, i) => 40 + i);
  const length = promptLength + newTokens + (ready.extraColumns ?? 0);
  return { ready, canvas: newCanvas({ length, noiseId: maskId, sequence, prompt }) };
}

/** Random answers by (sequence, column, forward); confidences repeat, so that there are ties. */
export const table = (seed: number) =>
  scriptedProposer((sequence, column, forward) => {
    const next = mulberry32(seed + 7919 * sequence + 104_729 * column + 1_299_709 * forward);
    next();
    return {
      token: Math.floor(next() * 30),
      probability: Math.round(next() * 10) / 10,
      entropy: next(),
    };
  });

export async function run(
  scenes: ReturnType<typeof sceneOf>[],
  proposer = table(1),
): Promise<SequenceStep[][]> {
  const steps: SequenceStep[][] = scenes.map(() => []);
  const canvases = scenes.map(({ canvas }) => canvas);
  const policies = scenes.map(({ ready }) => ready.policy);
  for await (const done of decode(canvases, proposer, policies))
    for (const one of done) steps[one.row]!.push(one);
  return steps;
}
