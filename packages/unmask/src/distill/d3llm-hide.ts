// Which tokens of an example's window are hidden: by the teacher's order, or at random for comparison.

import { fillUniform, streams } from "../base/rng.ts";
import type { Answer } from "../train/masked-batch.ts";
import type { Hidden } from "./d3llm-halves.ts";
import type { Settled } from "./d3llm-options.ts";
import {
  hiddenInRecord,
  hideLast,
  recordStep,
  type TeacherTrace,
  type Window,
  windowCount,
} from "./d3llm-window.ts";
import type { TrajectoryExample } from "./trajectory-example.ts";

/** An answer and the order in which a teacher wrote it, or wrote another answer to the same prompt. */
export interface D3llmExample extends TrajectoryExample {
  /** Learnt in the place of the recorded answer, in its order ("pseudo-trajectory"). */
  readonly target?: Answer | undefined;
  /** The whole record, padding included; released fidelity reads it. */
  readonly trace?: TeacherTrace | undefined;
}

/** Columns of a row that may be masked. */
export interface Columns {
  readonly begin: number;
  readonly end: number;
}

export interface Windows extends Columns {
  readonly size: number;
  readonly count: number;
}

/** The windows of a row; none where it has no answer. */
export function windowsOf(
  answer: Answer,
  { begin, end }: Columns,
  windowSize: number,
  { fidelity, windowsOver, useBlockwiseLoss }: Settled,
): Windows | undefined {
  const tokens = (windowsOver === "canvas" ? end : Math.min(end, answer.ids.length)) - begin;
  if (tokens <= 0) return undefined;
  const size = useBlockwiseLoss ? windowSize : end - begin;
  return { begin, end, size, count: useBlockwiseLoss ? windowCount(tokens, size, fidelity) : 1 };
}

export interface WindowNoise {
  readonly seed: number;
  /** Number of the example in the run. */
  readonly number: number;
  readonly ratio: number;
}

export interface Choice {
  readonly example: D3llmExample;
  /** The text that is learnt. */
  readonly answer: Answer;
  readonly window: Window;
  readonly noise: WindowNoise;
}

export function hideWindow(choice: Choice, options: Settled): Hidden {
  const { example, answer, window } = choice;
  const given = givenColumns(example, answer);
  const isGiven = new Set(given);
  const open = Array.from({ length: window.to - window.from }, (_, i) => window.from + i).filter(
    (column) => !isGiven.has(column),
  );
  const masked = new Set((options.fidelity === "released" ? released : corrected)(choice, open, options));
  return {
    window,
    hidden: open.filter((column) => masked.has(column)),
    visible: open.filter((column) => !masked.has(column)),
    given,
  };
}

/** What of an answer is no answer: tokens that the teacher was given, and those of a chat that are not learnt. */
function givenColumns(
  { steps, promptLength, target }: D3llmExample,
  { ids, learnt, ...answer }: Answer,
): number[] {
  const isGiven = (column: number) =>
    learnt?.[column] === 0 || (target === undefined && (steps[column - promptLength] ?? 0) < 0);
  const behind = Array.from({ length: ids.length - answer.promptLength }, (_, i) => answer.promptLength + i);
  return behind.filter(isGiven);
}

/** The exact share of the window's text, and all of its padding. */
function corrected(
  { example, answer, noise }: Choice,
  open: readonly number[],
  { useNaiveRandomMask }: Settled,
): number[] {
  const text = open.filter((column) => column < answer.ids.length);
  const ranks = useNaiveRandomMask
    ? uniforms(noise, text)
    : text.map((column) => example.steps[column - example.promptLength] ?? Number.POSITIVE_INFINITY);
  return [...hideLast(text, ranks, noise.ratio), ...open.slice(text.length)];
}

/** The published rule; its random masks are independent, with probability (1 − ε) t + ε. */
function released(
  { example, answer, window, noise }: Choice,
  open: readonly number[],
  { useNaiveRandomMask, shift }: Settled,
): number[] {
  const { ratio } = noise;
  if (useNaiveRandomMask) {
    const draws = uniforms(noise, open);
    return open.filter((_, i) => draws[i]! < (1 - 1e-3) * ratio + 1e-3);
  }
  const trace = example.trace ?? traceOf(example);
  const behindPrompt = { from: window.from - answer.promptLength, to: window.to - answer.promptLength };
  return hiddenInRecord(window, recordStep(behindPrompt, ratio, trace), trace, { padHidden: shift === 0 });
}

/** The record of an example that came without one: what is open behind the answer was revealed last. */
function traceOf({ promptLength, steps, tail }: D3llmExample): TeacherTrace {
  const last = Math.max(-1, ...steps);
  return {
    promptLength,
    steps: [...steps, ...Array.from({ length: tail }, (_, i) => last + 1 + i)],
    count: last + 1 + tail,
  };
}

function uniforms({ seed, number }: WindowNoise, columns: readonly number[]): number[] {
  const values = new Float32Array(1 + Math.max(-1, ...columns));
  fillUniform(values, { seed, stream: streams.corruption }, number, 0);
  return columns.map((column) => values[column]!);
}
