// Options of d3LLM's distillation, under the names of its configuration where it has one, and what was published for
// each network. dParallel is the same loss on random masks of half of a window, without curricula.
//
// References: hao-ai-lab/d3LLM e5bfcac, d3llm_train.yaml of distill_2_* (LLaDA, Dream, Dream-Coder);
// czg1225/dParallel 2ca4d14, llada_train.py, dream_train.py.

import { ConfigError } from "../base/errors.ts";
import type { Fidelity } from "../decode/decoder.ts";
import type { PaddingPolicy } from "../train/masked-batch.ts";
import { inRange } from "./in-range.ts";

export interface D3llmOptions {
  readonly maskId: number;
  /** Fills the canvas behind an answer: the end of text. */
  readonly padId: number;
  /** Row p of the logits predicts position p + shift (Dream: 1). */
  readonly shift?: 0 | 1 | undefined;
  readonly fidelity?: Fidelity | undefined;

  /** Windows in epochs' order, and how many epochs the run has (as many as sizes). */
  readonly progressiveBlockSizes?: readonly number[] | undefined;
  readonly epochs?: number | undefined;
  readonly minMaskRatio?: number | undefined;
  readonly maxMaskRatio?: number | undefined;
  /** Hides random tokens of the window instead of those that the teacher revealed last. */
  readonly useNaiveRandomMask?: boolean | undefined;
  /** A second forward whose visible and hidden tokens of the window are exchanged. */
  readonly useComplementaryLoss?: boolean | undefined;
  /** False: the whole answer is one window. */
  readonly useBlockwiseLoss?: boolean | undefined;

  /** Temperature of the distribution whose entropy is lowered. */
  readonly temperature?: number | undefined;
  readonly entropyWeight?: number | undefined;
  /** The certainty term for the second forward too (Dream; not LLaDA). */
  readonly complementaryEntropy?: boolean | undefined;
  /** What the sum of the terms is divided by, whichever of them are on. */
  readonly divisor?: number | undefined;

  /** Longest row; what is longer is cut. */
  readonly maxLength?: number | undefined;
  /** Columns of the canvas behind a prompt; those of the recorded canvas by default. */
  readonly answerLength?: number | undefined;
  /** Whether windows are counted over the text, or over the canvas with its padding. */
  readonly windowsOver?: "text" | "canvas" | undefined;
  /** Which padding belongs to the answer. */
  readonly padding?: PaddingPolicy | undefined;
}

/** What a method needs besides the options: the network's ids. */
export type NetworkIds = Pick<D3llmOptions, "maskId" | "padId" | "shift">;
export type Variant = Omit<D3llmOptions, keyof NetworkIds | "fidelity">;

const common = {
  ...{ minMaskRatio: 0, maxMaskRatio: 0.8, useNaiveRandomMask: false, useBlockwiseLoss: true },
  ...{ temperature: 0.5, divisor: 4 },
} as const;

/** d3LLM's constants. The canvas of LLaDA's rows is as long as `maxLength`, those of Dream's follow the prompt. */
export const d3llmVariants = {
  llada: {
    ...common,
    ...{ progressiveBlockSizes: [16, 16, 24, 24, 32, 32], maxLength: 384 },
    ...{ useComplementaryLoss: true, entropyWeight: 2, complementaryEntropy: false },
  },
  dream: {
    ...common,
    ...{ progressiveBlockSizes: [16, 24, 32], maxLength: 512, answerLength: 256 },
    ...{ useComplementaryLoss: true, entropyWeight: 1, complementaryEntropy: true },
  },
  coder: {
    ...common,
    ...{ progressiveBlockSizes: [16, 24, 32], maxLength: 1000, answerLength: 512 },
    ...{ useComplementaryLoss: false, entropyWeight: 1, complementaryEntropy: false },
  },
} as const satisfies Record<string, Variant>;

const random = {
  ...{ minMaskRatio: 0.5, maxMaskRatio: 0.5, useNaiveRandomMask: true, useComplementaryLoss: true },
  ...{ temperature: 0.5, complementaryEntropy: true, divisor: 1, progressiveBlockSizes: [32] },
} as const;

/** dParallel's constants. */
export const dparallelVariants = {
  llada: { ...random, useBlockwiseLoss: true, entropyWeight: 2, maxLength: 384 },
  dream: { ...random, useBlockwiseLoss: false, entropyWeight: 1, maxLength: 512, answerLength: 256 },
} as const satisfies Record<string, Variant>;

/** All that has a default is there. */
export type Settled = {
  readonly [Name in keyof Omit<D3llmOptions, "answerLength">]-?: NonNullable<D3llmOptions[Name]>;
} & Pick<D3llmOptions, "answerLength">;

/** Every option: as given, else as published. Throws a ConfigError for a value outside its range. */
export function settle(options: D3llmOptions, published: Variant): Settled {
  const { shift = 0, fidelity = "corrected" } = options;
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const all = { padding: "all", windowsOver: "text", ...published, ...given, shift, fidelity } as Settled;
  const settled = { ...all, epochs: all.epochs ?? all.progressiveBlockSizes.length };
  check(settled);
  return settled;
}

function check(options: Settled): void {
  const { progressiveBlockSizes: sizes, minMaskRatio, maxMaskRatio, answerLength } = options;
  if (sizes.length === 0)
    throw new ConfigError("progressive_block_sizes is empty; give one window size at least");
  for (const size of sizes) inRange("progressive_block_sizes", size, { min: 1, whole: true });
  inRange("min_mask_ratio", minMaskRatio, { min: 0, max: 1 });
  inRange("max_mask_ratio", maxMaskRatio, { min: minMaskRatio, max: 1 });
  inRange("temperature", options.temperature, { min: 1e-3 });
  inRange("entropy_weight", options.entropyWeight, { min: 0 });
  inRange("divisor", options.divisor, { min: 1e-6 });
  inRange("epochs", options.epochs, { min: 1e-6 });
  inRange("max_length", options.maxLength, { min: 1, whole: true });
  if (answerLength !== undefined) inRange("answer_length", answerLength, { min: 1, whole: true });
}
