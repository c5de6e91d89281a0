// Generation: canvases in batches through the decoding loop, as one stream of events.
//
// A sequence depends on the seed and on its index, not on the batch it ran in (up to the last bits of a product,
// see docs/decisions.md).

import { decode, type SequenceStep } from "../decode/decode.ts";
import type { GeneratedSequence, GenerateEvent, GenerateOptions, Prompt } from "./events.ts";
import type { Model } from "./load.ts";
import { ModelProposals } from "./proposals.ts";
import { beginning, type GenerateRequest, resolveRequest } from "./request.ts";
import { begin, endingOf, freshColumns, type Sequence } from "./sequence.ts";
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
  const proposals = new ModelProposals(model);
  const began = performance.now();
  const totals = { nfe: 0, tokens: 0 };
  try {
    for (let first = 0; first < request.jobs.length; first += request.batchSize) {
      const jobs = request.jobs.slice(first, first + request.batchSize);
      for await (const event of generateBatch(model, options, { ...request, jobs, proposals })) {
        if (event.type === "sequence") {
          totals.nfe += event.sequence.nfe;
          totals.tokens += event.sequence.tokens;
        }
        yield event;
      }
      if (options.signal?.aborted) break;
    }
  } finally {
    proposals.dispose();
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

interface Batch extends GenerateRequest {
  readonly proposals: ModelProposals;
}

async function* generateBatch(
  model: Model,
  options: GenerateOptions,
  batch: Batch,
): AsyncGenerator<GenerateEvent> {
  const began = performance.now();
  const { stop, stopIds, proposals } = batch;
  const bounds = { stop, stopIds, recordProposals: options.recordProposals };
  const sequences = batch.jobs.map((job) => begin(model, job, bounds));
  const canvases = sequences.map(({ canvas }) => canvas);
  const policies = batch.jobs.map(({ decoder }) => decoder.policy);
  const stopsAtEnd = options.stopAtEnd !== false;
  const isDone = (row: number) => stopsAtEnd && sequences[row]!.text.end !== undefined;
  const seconds = () => (performance.now() - began) / 1000;
  const { seed = 0, fidelity = "corrected" } = options;
  const prepared = proposals.prepare({ decoder: batch.jobs[0]!.decoder, seed, fidelity });
  for (const canvas of canvases) proposals.assign(canvas, prepared);
  const { judge } = prepared;
  for await (const steps of decode(canvases, proposals.proposer, policies, { isDone, judge })) {
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
    yield finished(model, options, { one, batch, seconds: seconds() });
  }
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

function frame(model: Model, { job, canvas }: Sequence, step: SequenceStep): GenerateEvent {
  // The token that every row begins with is no text to look at.
  const from = beginning(model).length;
  const to = job.prompt.length + job.newTokens;
  return {
    type: "canvas-frame",
    index: job.sequence,
    step: canvas.forwards,
    steps: job.decoder.policy.limit(canvas),
    prompt: job.prompt.length - from,
    ids: canvas.ids.slice(from, to),
    open: canvas.open.slice(from, to),
    fresh: freshColumns(canvas.length, step).slice(from, to),
  };
}

function finished(
  model: Model,
  options: GenerateOptions,
  { one, batch, seconds }: { one: Sequence; batch: Batch; seconds: number },
): GenerateEvent {
  const { job, canvas, text, recorder } = one;
  const from = job.prompt.length;
  const { end, finishReason, tokens, tokensBehindEnd } = endingOf(one, options.stopAtEnd !== false);
  if (options.onTrajectory !== undefined) {
    const header = trajectoryHeader(model, options, batch);
    options.onTrajectory(recorder.finish({ promptLength: from, end, finishReason, seconds }), header);
  }
  const sequence: GeneratedSequence = {
    prompt_ids: [...job.prompt],
    token_ids: [...canvas.ids.subarray(from, end)],
    text: text.text,
    reveal_step: [...canvas.revealStep.subarray(from, end)],
    nfe: canvas.forwards,
    finish_reason: finishReason,
    tokens,
    seconds,
  };
  return { type: "sequence", index: job.sequence, sequence, tokensBehindEnd };
}
