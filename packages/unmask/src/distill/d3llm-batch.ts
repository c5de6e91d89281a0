// d3LLM's noisy inputs, made on the host: two rows an answer, which hide complementary tokens of one window of it.
//
//   clean text before the window │ the window, partly hidden │ masks to the end of the canvas
//   not scored                   │ hidden tokens scored      │ not scored
//
// Ratio and window are drawn by the example alone; in released fidelity one ratio serves the whole micro-batch, that of
// its first example, as in the published code.

import { DataError } from "../base/errors.ts";
import { streams, uniform } from "../base/rng.ts";
import { type Answer, answerExtent } from "../train/masked-batch.ts";
import type { Place } from "../train/method.ts";
import { maskRatio, windowSize } from "./d3llm-curricula.ts";
import { type Halves, HalvesBuilder } from "./d3llm-halves.ts";
import { type Columns, type D3llmExample, hideWindow, windowsOf } from "./d3llm-hide.ts";
import type { Settled } from "./d3llm-options.ts";
import { windowAt } from "./d3llm-window.ts";

export interface D3llmBatch extends Halves {
  /** Mask ratio that was drawn for each row. */
  readonly ratios: readonly number[];
  readonly windowSize: number;
  /** Answers that were cut to the longest row. */
  readonly cut: number;
}

export function d3llmBatch(examples: readonly D3llmExample[], place: Place, options: Settled): D3llmBatch {
  const texts = examples.map((example) => textOf(example, options));
  const canvases = canvasEnds(texts, examples, options);
  const length = Math.max(...canvases);
  const size = windowSize(place.progress, options);
  const builder = new HalvesBuilder(examples.length, length, options);
  const hiddenOf = (row: number, ratio: number, answer: Answer, columns: Columns) => {
    const windows = windowsOf(answer, columns, size, options);
    if (windows === undefined) return nothing(columns.end);
    const source = { seed: place.seed, stream: streams.time };
    const index = Math.floor(uniform(source, place.examples[row]!, 1, 0) * windows.count);
    const noise = { seed: place.seed, number: place.examples[row]!, ratio };
    return hideWindow({ example: examples[row]!, answer, window: windowAt(index, windows), noise }, options);
  };
  const ratios = examples.map((_, row) => {
    const ratio = ratioOf(place, row, options);
    const answer = texts[row]!;
    const { begin, end } = answerExtent(answer, canvases[row]!, options);
    const columns = { begin, end: Math.max(begin, end) };
    builder.add(row, answer, hiddenOf(row, ratio, answer, columns), columns.end);
    return ratio;
  });
  const cut = texts.filter(
    ({ ids }, row) => ids.length < (examples[row]!.target ?? examples[row]!).ids.length,
  );
  return { ...builder.finish(), ratios, windowSize: size, cut: cut.length };
}

const nothing = (end: number) => ({ window: { from: end, to: end }, hidden: [], visible: [], given: [] });

/** The text that is learnt, cut to the longest row. */
function textOf(example: D3llmExample, { maxLength, fidelity }: Settled): Answer {
  const text = example.target ?? example;
  if (example.target !== undefined && fidelity === "corrected") checkPrompt(example, example.target);
  const { ids, promptLength, learnt } = text;
  if (ids.length <= maxLength) return { ids, promptLength, learnt };
  return {
    ids: Array.from(ids).slice(0, maxLength),
    promptLength: Math.min(promptLength, maxLength),
    learnt: learnt?.slice(0, maxLength),
  };
}

/** The order belongs to tokens behind one prompt: behind another it would be an order of other tokens. */
function checkPrompt(example: D3llmExample, target: Answer): void {
  const { promptLength, ids, sequence } = example;
  const same =
    promptLength === target.promptLength &&
    Array.from({ length: promptLength }, (_, i) => ids[i] === target.ids[i]).every(Boolean);
  if (same) return;
  throw new DataError(
    `trajectory ${sequence}: the teacher's prompt (${promptLength} tokens) is not the one that is trained on (${target.promptLength}); record with the prompt, template included, that is trained on`,
    { sequence },
  );
}

/** Column behind the canvas of each row. */
function canvasEnds(
  texts: readonly Answer[],
  examples: readonly D3llmExample[],
  { answerLength, maxLength, fidelity }: Settled,
): number[] {
  if (fidelity === "released") {
    const prompt = Math.max(...texts.map(({ promptLength }) => promptLength));
    const length = answerLength === undefined ? maxLength : prompt + answerLength;
    return texts.map(({ ids }) => Math.max(length, ids.length));
  }
  return texts.map(({ ids, promptLength }, row) => {
    const recorded = examples[row]!.ids.length - examples[row]!.promptLength + examples[row]!.tail;
    const wanted = promptLength + (answerLength ?? recorded);
    return Math.max(ids.length, Math.min(wanted, maxLength));
  });
}

function ratioOf({ seed, examples, progress }: Place, row: number, options: Settled): number {
  const example = examples[options.fidelity === "released" ? 0 : row]!;
  return maskRatio(progress, uniform({ seed, stream: streams.time }, example, 0, 0), options);
}
