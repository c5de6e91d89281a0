// A sequence on its way: its canvas, and what is known of its text, its blocks and its record so far. Generation and the
// server run it alike.

import { type Canvas, newCanvas } from "../decode/canvas.ts";
import type { SequenceStep } from "../decode/decode.ts";
import { Recorder } from "../decode/recorder.ts";
import { BlockEnds } from "./block-ends.ts";
import { type Model, maskIdOf, tokenizerOf } from "./load.ts";
import type { GenerateRequest, Job } from "./request.ts";
import { TextStream } from "./text-stream.ts";

export interface Sequence {
  readonly job: Job;
  readonly canvas: Canvas;
  readonly text: TextStream;
  readonly blocks: BlockEnds;
  readonly recorder: Recorder;
}

export interface BeginOptions extends Pick<GenerateRequest, "stop" | "stopIds"> {
  /** Whether its record keeps proposals. */
  readonly recordProposals?: boolean | undefined;
  /** New columns at the end that are no text: a suffix. 0 by default. */
  readonly tail?: number | undefined;
}

export function begin(model: Model, job: Job, options: BeginOptions): Sequence {
  const { stop, stopIds, tail = 0, recordProposals: proposals } = options;
  const { prompt, newTokens, given, sequence, decoder } = job;
  const to = prompt.length + newTokens;
  const length = to + (decoder.extraColumns ?? 0);
  const canvas = newCanvas({ length, noiseId: maskIdOf(model), sequence, prompt, given });
  const text = new TextStream({
    ...{ tokenizer: tokenizerOf(model), from: prompt.length, stop, stopIds },
    to: job.structured === undefined ? to - tail : prompt.length + job.structured.columns,
    stream: job.structured?.stream(),
  });
  const blocks = new BlockEnds(canvas, decoder.policy.blocks?.(canvas) ?? [], to);
  return { job, canvas, text, blocks, recorder: new Recorder(canvas, { proposals }) };
}

/** What a finished sequence has written. */
export interface Ending {
  /** Column behind its last token. */
  readonly end: number;
  readonly finishReason: "stop" | "length";
  /** Tokens decoded up to the end, and behind it: those were paid for and thrown away. */
  readonly tokens: number;
  readonly tokensBehindEnd: number;
}

export function endingOf({ job, canvas, text }: Sequence, stopsAtEnd: boolean): Ending {
  const from = job.prompt.length;
  const whole = from + job.newTokens;
  const decoded = Math.min(whole, job.decoder.textEnd?.(canvas) ?? whole);
  const end = stopsAtEnd ? (text.end ?? decoded) : decoded;
  const isWhole = text.stopped || (job.structured !== undefined && text.end !== undefined);
  if (isWhole) job.structured?.check(text.text);
  return {
    end,
    finishReason: isWhole ? "stop" : "length",
    tokens: countWritten(canvas.revealStep.subarray(from, end)),
    tokensBehindEnd: countWritten(canvas.revealStep.subarray(end, whole)),
  };
}

/** How many were decoded, neither given nor filled. */
const countWritten = (revealStep: ArrayLike<number>): number =>
  Array.from(revealStep).filter((step) => step >= 0).length;

/** 1 where a step wrote, on a canvas of `length`. */
export function freshColumns(length: number, { decision, proposal }: SequenceStep): Uint8Array {
  const fresh = new Uint8Array(length);
  for (const i of decision.commit) fresh[proposal.columns[i]!] = 1;
  return fresh;
}
