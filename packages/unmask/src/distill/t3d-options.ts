// T3D's switches, under the paper's and the published code's names, and what they are in each fidelity.

import { ConfigError } from "../base/errors.ts";
import type { Alignment } from "../diffusion/doubled.ts";
import { type FakeDraw, fakeDraw } from "./fake-tokens.ts";
import { inRange } from "./in-range.ts";
import type { Refresh, Rounds } from "./rounds.ts";
import type { DistillFacts, StateOptions } from "./trace-states.ts";

export const distillFidelities = ["corrected", "released", "paper"] as const;
/** The published method with its defects mended; as its code does it; as its paper writes it. */
export type DistillFidelity = (typeof distillFidelities)[number];

/** What the states are, for T3D and naive trajectory distillation alike. */
export interface TraceOptions {
  readonly fidelity?: DistillFidelity | undefined;
  /** Of training; 8, or where all see all the whole answer. */
  readonly blockSize?: number | undefined;
  /** Shares of a block that may be hidden, drawn with probability ∝ share^exponent. */
  readonly maskRatios?: readonly number[] | undefined;
  readonly maskRatioExponent?: number | undefined;
  /** Along the trace, or a random subset of each block. */
  readonly maskStrategy?: "trace" | "random" | undefined;
  /** Which end of the trace is hidden: the tokens revealed last, or, as the published code has it, first. */
  readonly traceHides?: "latest" | "earliest" | undefined;
  /** Share of the hidden tokens that become random ones. */
  readonly randomRatio?: number | undefined;
  /** Tokens that random ones are drawn from, the first of the vocabulary: the tokenizer's vocab_size. */
  readonly randomTokens?: number | undefined;
  /** How many tokens of an answer that are the padding's id are supervised. */
  readonly postNum?: number | undefined;
  readonly states?: "fresh" | "frozen" | undefined;
  readonly alignment?: Alignment | undefined;
  /** λ; 0 for no path loss. */
  readonly lambdaPath?: number | undefined;
  /** Tokens a level of the path loss adds in each block. */
  readonly pathKSteps?: number | undefined;
  readonly pathWeights?: "nested" | "linear" | undefined;
  /** Of nested weights. Where an answer is one block, answers have levels of their own: "answer" then. */
  readonly pathAverage?: "answer" | "batch" | undefined;
}

export interface T3dOptions extends TraceOptions {
  readonly alpha?: number | undefined;
  readonly beta?: number | undefined;
  /** Log-probabilities of an answer are means over its supervised positions, or sums. */
  readonly logRatio?: "mean" | "sum" | undefined;
  /** Temperature of the reference's x̂; 0 takes the most probable tokens. */
  readonly referenceTemp?: number | undefined;
  /** Updates of a round, at whose end the student becomes the reference; 0 for a reference that stays. */
  readonly roundInterval?: number | undefined;
  /** The latest student, or the best of the round: afterUpdate() in rounds.ts says when, given scores. */
  readonly refresh?: Refresh | undefined;
  /** Reference and student look at two draws of x̂. */
  readonly drawsTwice?: boolean | undefined;
  /** The reference's draw, for recorded numbers. */
  readonly draw?: FakeDraw | undefined;
  /** Logits that may be made at once; 2^26 by default. */
  readonly mostLogits?: number | undefined;
}

export interface T3dSettings {
  readonly states: StateOptions;
  readonly lambdaPath: number;
  readonly alpha: number;
  readonly beta: number;
  readonly logRatio: "mean" | "sum";
  readonly drawsTwice: boolean;
  readonly rounds: Rounds;
  readonly draw: FakeDraw;
  readonly vocabularySize: number;
  readonly mostLogits: number | undefined;
}

const published = {
  ...{ maskRatios: [1, 0.75, 0.5, 0.25], maskRatioExponent: 8, maskStrategy: "trace" },
  ...{ randomRatio: 0.1, postNum: 2, lambdaPath: 0.2, pathKSteps: 4 },
  ...{ alpha: 0.5, beta: 0.1, logRatio: "mean", referenceTemp: 0, drawsTwice: false },
  ...{ roundInterval: 10, refresh: "latest" },
} as const satisfies T3dOptions;

const corrected = {
  ...{ ...published, traceHides: "latest", states: "fresh", alignment: "corrected" },
  ...{ pathWeights: "nested", pathAverage: "answer" },
} as const satisfies T3dOptions;

/** Defaults by fidelity. */
export const t3dDefaults = {
  corrected,
  released: {
    ...{ ...published, traceHides: "earliest", states: "frozen", alignment: "released" },
    ...{ pathWeights: "nested", pathAverage: "batch", drawsTwice: true },
  },
  paper: {
    ...corrected,
    alpha: 1,
    beta: 1,
    logRatio: "sum",
    referenceTemp: 1,
    pathWeights: "linear",
    refresh: "best",
  },
} as const satisfies Record<DistillFidelity, T3dOptions>;

/** Throws a ConfigError for a value outside its range. */
export function t3dSettings(facts: DistillFacts, options: T3dOptions): T3dSettings {
  const all = withDefaults(options);
  inRange("alpha", all.alpha, { min: 0 });
  inRange("beta", all.beta, { min: 0 });
  inRange("reference_temp", all.referenceTemp, { min: 0 });
  inRange("round_interval", all.roundInterval, { min: 0, whole: true });
  return {
    states: stateOptions(facts, options),
    lambdaPath: all.lambdaPath,
    ...{ alpha: all.alpha, beta: all.beta, logRatio: all.logRatio, drawsTwice: all.drawsTwice },
    rounds: {
      interval: all.roundInterval === 0 ? undefined : all.roundInterval,
      refresh: all.refresh,
      released: options.fidelity === "released",
    },
    draw: options.draw ?? fakeDraw(all.referenceTemp),
    ...{ vocabularySize: facts.vocabularySize, mostLogits: options.mostLogits },
  };
}

export function stateOptions(facts: DistillFacts, options: TraceOptions): StateOptions {
  const all = withDefaults(options);
  const { fidelity = "corrected", blockSize, randomTokens = facts.vocabularySize } = options;
  inRange("block_size", blockSize ?? 1, { min: 1, whole: true });
  inRange("lambda_path", all.lambdaPath, { min: 0 });
  inRange("path_k_steps", all.pathKSteps, { min: 1, whole: true });
  inRange("random_ratio", all.randomRatio, { min: 0, max: 1 });
  inRange("random_tokens", randomTokens, { min: 1, max: facts.vocabularySize, whole: true });
  inRange("post_num", all.postNum, { min: 0, whole: true });
  if (all.maskRatios.length === 0) throw new ConfigError("mask_ratios is empty; give one share at least");
  for (const ratio of all.maskRatios) inRange("mask_ratios", ratio, { min: 0, max: 1 });
  if (all.maskRatios.every((ratio) => ratio === 0)) {
    throw new ConfigError("mask_ratios hides nothing, so there is nothing to learn; give a share above 0");
  }
  const isWhole = facts.blockLength === undefined && blockSize === undefined;
  // Linear weights are an answer's own.
  const average = isWhole || all.pathWeights === "linear" ? "answer" : all.pathAverage;
  return {
    blockLength: blockSize ?? (facts.blockLength === undefined ? undefined : publishedBlock),
    ...{ maskRatios: all.maskRatios, maskRatioExponent: all.maskRatioExponent },
    order: all.maskStrategy === "random" ? "random" : all.traceHides,
    ...{ randomRatio: all.randomRatio, randomTokens, postNum: all.postNum },
    ...{ states: all.states, alignment: all.alignment, released: fidelity === "released" },
    path: all.lambdaPath === 0 ? undefined : { k: all.pathKSteps, weights: all.pathWeights, average },
  };
}

const publishedBlock = 8;

type Complete = Required<Omit<T3dOptions, "fidelity" | "blockSize" | "randomTokens" | "draw" | "mostLogits">>;

function withDefaults(options: T3dOptions): { [Name in keyof Complete]: NonNullable<Complete[Name]> } {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...t3dDefaults[options.fidelity ?? "corrected"], ...given };
}
