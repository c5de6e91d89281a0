// Generation: canvases in batches through the decoding loop, as one stream of events.
//
// A sequence depends on the seed and on its index, not on the batch it ran in (up to the last bits of a product,
// see docs/decisions.md).

import { type Tensor, tensor } from "@unmask/torch";
import { CheckpointError, UsageError } from "../base/errors.ts";
import { type Canvas, newCanvas } from "../decode/canvas.ts";
import { decode } from "../decode/decode.ts";
import { ancestral } from "../decode/policies/ancestral.ts";
import { modelProposer } from "../decode/propose.ts";
import { maskColumn } from "../diffusion/objective.ts";
import { logLinear } from "../diffusion/schedule.ts";
import type { GeneratedSequence, GenerateEvent, GenerateOptions } from "./events.ts";
import { type Model, maskIdOf, tokenizerOf } from "./load.ts";

const defaultBatchSize = 64;

/** Fills `count` canvases; events in order of batch, `sequence` events in order of index. */
export async function* generate(model: Model, options: GenerateOptions): AsyncGenerator<GenerateEvent> {
  const request = check(model, options);
  const forbidden = tensor(maskColumn(model.facts.vocabularySize, maskIdOf(model)));
  const began = performance.now();
  const totals = { nfe: 0, tokens: 0 };
  try {
    for (let first = 0; first < options.count; first += request.batchSize) {
      const sequences = Array.from(
        { length: Math.min(request.batchSize, options.count - first) },
        (_, i) => first + i,
      );
      for await (const event of generateBatch(model, options, { ...request, sequences, forbidden })) {
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
  yield { type: "finish", totals: { nfe, tokens, seconds, ...ratios } };
}

interface Request {
  length: number;
  batchSize: number;
  prefix: Int32Array;
}

function check(model: Model, options: GenerateOptions): Request {
  const whole = (name: string, value: number) => {
    if (Number.isInteger(value) && value >= 1) return;
    throw new UsageError(`${name} is ${value}; give an integer of at least 1`, { [name]: value });
  };
  whole("steps", options.steps);
  whole("count", options.count);
  const length = options.length ?? model.facts.contextLength;
  whole("length", length);
  const batchSize = options.batchSize ?? defaultBatchSize;
  whole("batch_size", batchSize);
  if (options.temperature !== undefined && !(options.temperature >= 0)) {
    throw new UsageError(`temperature is ${options.temperature}; give a number of at least 0`);
  }
  const prompt = options.prompt === undefined ? [] : [...tokenizerOf(model).encode(options.prompt)];
  const prefix = Int32Array.from([...beginning(model), ...prompt]);
  if (prefix.length >= length) {
    throw new UsageError(
      `the prompt has ${prefix.length} tokens and the canvas ${length}; shorten the prompt or raise length`,
    );
  }
  return { length, batchSize, prefix };
}

/** The token that every row begins with, for a model trained with one. */
function beginning(model: Model): number[] {
  if (model.facts.givenBegin !== true) return [];
  const { specials } = tokenizerOf(model);
  const { bos = specials.eos } = specials;
  if (bos === undefined) {
    throw new CheckpointError(`${model.folder}: rows begin with a given token, but the tokenizer has none`);
  }
  return [bos];
}

interface Batch extends Request {
  sequences: readonly number[];
  forbidden: Tensor;
}

async function* generateBatch(
  model: Model,
  options: GenerateOptions,
  batch: Batch,
): AsyncGenerator<GenerateEvent> {
  const began = performance.now();
  const { length, sequences, prefix, forbidden } = batch;
  const noiseId = maskIdOf(model);
  const canvases = sequences.map((sequence) => newCanvas({ length, noiseId, sequence, prompt: prefix }));
  const { seed, steps, temperature } = options;
  // The token that every row begins with is no text to look at.
  const shownFrom = beginning(model).length;
  const { shift } = model.facts;
  const proposer = modelProposer(model.network, { seed, forbidden, sampling: { temperature }, shift });
  const policy = ancestral({ steps, seed, schedule: logLinear() });
  let step = 0;
  for await (const done of decode(canvases, proposer, policy)) {
    const [first] = canvases as [Canvas];
    const fresh = new Uint8Array(length);
    const shown = done.find(({ row }) => row === 0);
    for (const i of shown?.decision.commit ?? []) fresh[shown!.proposal.columns[i]!] = 1;
    const ids = first.ids.slice(shownFrom);
    const open = first.open.slice(shownFrom);
    yield { type: "canvas-frame", step, steps, ids, open, fresh: fresh.slice(shownFrom) };
    step++;
    if (options.signal?.aborted) return;
  }
  const seconds = (performance.now() - began) / 1000;
  for (const [row, canvas] of canvases.entries()) {
    yield {
      type: "sequence",
      index: sequences[row]!,
      sequence: finished(model, canvas, { prefix, seconds }),
    };
  }
}

function finished(
  model: Model,
  canvas: Canvas,
  { prefix, seconds }: { prefix: Int32Array; seconds: number },
): GeneratedSequence {
  const written = [...canvas.ids.subarray(prefix.length)];
  const { eos } = tokenizerOf(model).specials;
  const end = eos === undefined ? -1 : written.indexOf(eos);
  return {
    prompt_ids: [...prefix],
    token_ids: written,
    text: tokenizerOf(model).decode(end < 0 ? written : written.slice(0, end)),
    reveal_step: [...canvas.revealStep.subarray(prefix.length)],
    nfe: canvas.forwards,
    finish_reason: end < 0 ? "length" : "stop",
    tokens: written.length,
    seconds,
  };
}
