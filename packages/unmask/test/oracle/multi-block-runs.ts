// What tests of multi-block decoding share: settings, canvases and runs with a scripted network.

import { type Canvas, newCanvas } from "../../src/decode/canvas.ts";
import { decode, type SequenceStep } from "../../src/decode/decode.ts";
import { type MultiBlockOptions, multiBlock } from "../../src/decode/policies/multi-block.ts";
import { type ScriptedAnswer, scriptedProposer } from "../../src/decode/scripted.ts";

export const [mask, end] = [9, 8];

export const settings = (more: Partial<MultiBlockOptions> = {}): MultiBlockOptions => ({
  rule: "llada",
  released: true,
  blockLength: 4,
  threshold: 0.5,
  blockAddThreshold: 0.1,
  decodedTokenThreshold: 0.95,
  endIds: [],
  remasking: "low_confidence",
  seed: 0,
  ...more,
});

export type Answer = (column: number, forward: number) => ScriptedAnswer;

export async function run(
  canvas: Canvas,
  options: MultiBlockOptions,
  answer: Answer,
): Promise<SequenceStep[]> {
  const steps: SequenceStep[] = [];
  const proposer = scriptedProposer((_, column, forward) => answer(column, forward));
  for await (const [step] of decode([canvas], proposer, multiBlock(options))) steps.push(step!);
  return steps;
}

export const columnsOf = ({ proposal, decision }: SequenceStep): number[] =>
  decision.commit.map((i) => proposal.columns[i]!);

export const canvasOf = (newTokens: number, prompt = [1, 1, 1, 1]) =>
  newCanvas({ length: prompt.length + newTokens, noiseId: mask, prompt });
