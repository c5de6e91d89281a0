// Generation: canvases in batches through the decoding loop, as one stream of events.
//
// A sequence depends on the seed and on its index, not on the batch it ran in (up to the last bits of a product,
// see docs/decisions.md).

import { type Tensor, tensor } from "@unmask/torch";
import { type Canvas, newCanvas } from "../decode/canvas.ts";
import { decode, type SequenceStep } from "../decode/decode.ts";
import type { ReadyDecoder } from "../decode/decoder.ts";
import { Recorder, type RecorderOptions } from "../decode/recorder.ts";
import { maskColumn } from "../diffusion/objective.ts";
import { classifierFree } from "../propose/guidance.ts";
import { modelProposer } from "../propose/propose.ts";
import { rewardGuidance } from "../propose/reward-guidance.ts";
import { drawTransition } from "../propose/transition.ts";
import { BlockEnds } from "./block-ends.ts";
import type { GeneratedSequence, GenerateEvent, GenerateOptions, Prompt } from "./events.ts";
import { discriminatorOf, type Model, maskIdOf, tokenizerOf } from "./load.ts";
import { beginning, type GenerateRequest, type Job, resolveRequest } from "./request.ts";
import { TextStream } from "./text-stream.ts";
import { trajectoryHeader } from "./trajectory-header.ts";

/**
 * Writes text: one sequence a prompt, or `count` of them. Events come in order of batch, `sequence` events in order of
 * index. Throws a UsageError, ConfigError, CheckpointError or UnsupportedError before the model runs.
 */
export async function* generate(
  model: Model,
  prompts: Prompt | readonly Prompt[],
  options: GenerateOptions = {},
): AsyncGenerator<GenerateEvent> {
  const request = resolveRequest(model, listOf(prompts), options);
  const forbidden = forbiddenColumn(model, request);
  const began = performance.now();
  const totals = { nfe: 0, tokens: 0 };
  try {
    for (let first = 0; first < request.jobs.length; first += request.batchSize) {
      const jobs = request.jobs.slice(first, first + request.batchSize);
      for await (const event of generateBatch(model, options, { ...request, jobs, forbidden })) {
        if (event.type === "sequence") {
          totals.nfe += event.sequence.nfe;
          totals.tokens += event.sequence.tokens;
        }
        yield event;
      }
      if (options.signal?.aborted) break;
    }
  } finally {
    forbidden.dispose();
  }
  const seconds = (performance.now() - began) / 1000;
  const { nfe, tokens } = totals;
  const ratios = { tokens_per_forward: tokens / Math.max(1, nfe), tokens_per_second: tokens / seconds };
  const { name } = request.decoder;
  yield {
    type: "finish",
    decoder: name,
    options: request.options,
    totals: { nfe, tokens, seconds, ...ratios },
  };
}

/** A conversation is one prompt, though it is a list too. */
function listOf(prompts: Prompt | readonly Prompt[]): readonly Prompt[] {
  if (!Array.isArray(prompts)) return [prompts as Prompt];
  const isConversation =
    prompts.length > 0 && prompts.every((one) => typeof one === "object" && "role" in one);
  return isConversation ? [prompts as Prompt] : (prompts as readonly Prompt[]);
}

/** float32 [V]: the mask, and what the decoder forbids besides, may never be drawn. */
function forbiddenColumn(model: Model, { jobs }: GenerateRequest): Tensor {
  const column = maskColumn(model.facts.vocabularySize, maskIdOf(model));
  const never = column[maskIdOf(model)]!;
  for (const id of jobs[0]?.decoder.forbiddenIds ?? []) column[id] = never;
  return tensor(column, undefined, { device: [...model.network.parameters.values()][0]!.device });
}

interface Batch extends GenerateRequest {
  readonly forbidden: Tensor;
}

/** A running sequence and what is known of its text. */
interface Sequence {
  readonly job: Job;
  readonly canvas: Canvas;
  readonly text: TextStream;
  readonly blocks: BlockEnds;
  readonly recorder: Recorder;
}

async function* generateBatch(
  model: Model,
  options: GenerateOptions,
  batch: Batch,
): AsyncGenerator<GenerateEvent> {
  const began = performance.now();
  const sequences = batch.jobs.map((job) =>
    begin(model, job, { ...batch, proposals: options.recordProposals }),
  );
  const canvases = sequences.map(({ canvas }) => canvas);
  const policies = batch.jobs.map(({ decoder }) => decoder.policy);
  const stopsAtEnd = options.stopAtEnd !== false;
  const isDone = (row: number) => stopsAtEnd && sequences[row]!.text.end !== undefined;
  const seconds = () => (performance.now() - began) / 1000;
  const { proposer, judge } = engineOf(model, options, batch);
  for await (const steps of decode(canvases, proposer, policies, { isDone, judge })) {
    for (const step of steps) {
      const sequence = sequences[step.row]!;
      sequence.recorder.add(step);
      yield* news(sequence);
    }
    if (options.frames !== false) yield frame(model, sequences[steps[0]!.row]!, steps[0]!);
    if (options.signal?.aborted) return;
  }
  for (const one of sequences) {
    // What was written after the last step: the padding behind an end.
    yield* news(one);
    const sequence = finished(model, options, { one, batch, seconds: seconds() });
    const behind = one.job.prompt.length + sequence.token_ids.length;
    const whole = one.job.prompt.length + one.job.newTokens;
    const tokensBehindEnd = countWritten(one.canvas.revealStep.subarray(behind, whole));
    yield { type: "sequence", index: one.job.sequence, sequence, tokensBehindEnd };
  }
}

function begin(model: Model, job: Job, { stop, stopIds, proposals }: Batch & RecorderOptions): Sequence {
  const { prompt, newTokens, given, sequence, decoder } = job;
  const to = prompt.length + newTokens;
  const length = to + (decoder.extraColumns ?? 0);
  const canvas = newCanvas({ length, noiseId: maskIdOf(model), sequence, prompt, given });
  const text = new TextStream({ tokenizer: tokenizerOf(model), from: prompt.length, to, stop, stopIds });
  const blocks = new BlockEnds(canvas, decoder.policy.blocks?.(canvas) ?? [], to);
  return { job, canvas, text, blocks, recorder: new Recorder(canvas, { proposals }) };
}

/** What became certain since the last call. */
function* news({ job, canvas, text, blocks }: Sequence): Generator<GenerateEvent> {
  const index = job.sequence;
  const fresh = text.advance(canvas);
  if (fresh !== "") yield { type: "text-delta", index, text: fresh };
  for (const end of blocks.advance(text.end)) {
    yield { type: "block-end", index, end: end - job.prompt.length };
  }
}

/** Where proposals come from, and who chooses where the decoder leaves a choice. */
function engineOf(model: Model, options: GenerateOptions, { jobs, forbidden }: Batch) {
  const { decoder } = jobs[0]!;
  const seed = options.seed ?? 0;
  const { guide, judge } = guidanceOf(model, decoder, { seed, forbidden });
  const proposer = modelProposer(model.network, {
    seed,
    forbidden: decoder.drawsTransition === true ? undefined : forbidden,
    sampling: decoder.sampling,
    shift: model.facts.shift,
    device: forbidden.device,
    needsMargin: decoder.policy.needsMargin,
    ownRowAtBoundary: options.fidelity === "released",
    visibility: decoder.visibility,
    takesPadding: model.origin.family.inputs.includes("padding"),
    takesSegments: model.origin.family.inputs.includes("segments"),
    tellsNoise: decoder.tellsNoise,
    draw: decoder.drawsTransition === true ? drawTransition(seed) : undefined,
    guide,
  });
  return { proposer, judge };
}

function guidanceOf(model: Model, decoder: ReadyDecoder, options: { seed: number; forbidden: Tensor }) {
  if (decoder.needsReward === true) {
    const forbidden = decoder.drawsTransition === true ? undefined : options.forbidden;
    return rewardGuidance(discriminatorOf(model), { seed: options.seed, forbidden });
  }
  const scale = decoder.guidance ?? 0;
  return { guide: scale === 0 ? undefined : classifierFree(scale), judge: undefined };
}

function frame(model: Model, { job, canvas }: Sequence, { decision, proposal }: SequenceStep): GenerateEvent {
  // The token that every row begins with is no text to look at.
  const from = beginning(model).length;
  const to = job.prompt.length + job.newTokens;
  const fresh = new Uint8Array(canvas.length);
  for (const i of decision.commit) fresh[proposal.columns[i]!] = 1;
  return {
    type: "canvas-frame",
    index: job.sequence,
    step: canvas.forwards,
    steps: job.decoder.policy.limit(canvas),
    prompt: job.prompt.length - from,
    ids: canvas.ids.slice(from, to),
    open: canvas.open.slice(from, to),
    fresh: fresh.slice(from, to),
  };
}

function finished(
  model: Model,
  options: GenerateOptions,
  { one, batch, seconds }: { one: Sequence; batch: Batch; seconds: number },
): GeneratedSequence {
  const { job, canvas, text, recorder } = one;
  const from = job.prompt.length;
  const whole = from + job.newTokens;
  const decoded = Math.min(whole, job.decoder.textEnd?.(canvas) ?? whole);
  const end = options.stopAtEnd === false ? decoded : (text.end ?? decoded);
  const finishReason = text.stopped ? "stop" : "length";
  if (options.onTrajectory !== undefined) {
    const header = trajectoryHeader(model, options, batch);
    options.onTrajectory(recorder.finish({ promptLength: from, end, finishReason, seconds }), header);
  }
  const revealed = [...canvas.revealStep.subarray(from, end)];
  return {
    prompt_ids: [...job.prompt],
    token_ids: [...canvas.ids.subarray(from, end)],
    text: text.text,
    reveal_step: revealed,
    nfe: canvas.forwards,
    finish_reason: finishReason,
    tokens: countWritten(revealed),
    seconds,
  };
}

/** How many were decoded, neither given nor filled. */
const countWritten = (revealStep: ArrayLike<number>): number =>
  Array.from(revealStep).filter((step) => step >= 0).length;
