// Which open columns of a block are revealed in a step (T3D's engine and SDAR's script; see docs/parity.md).
//
// "Confidence" is the probability of the drawn token in the sampling distribution, after temperature and filters: at
// temperature 0.1 a threshold of 0.9 is far looser than at 1. Ties go to the lowest column.

import { streams } from "../../base/rng.ts";
import type { Proposal } from "./policy.ts";
import { largest, randomScores, ranked } from "./select.ts";

export const strategies = [
  "low_confidence_static",
  "low_confidence_dynamic",
  "sequential",
  "entropy_bounded",
  "random",
] as const;

export type Strategy = (typeof strategies)[number];

export interface Selection {
  readonly strategy: Strategy;
  /** low_confidence_dynamic: everything more confident than this. */
  readonly threshold: number;
  /** entropy_bounded: the surest columns whose entropies sum to less than this, nats. */
  readonly entropyBound: number;
  /** random: of the order. */
  readonly seed: number;
}

export interface SelectionStep {
  /** Columns that this step should reveal. */
  readonly quota: number;
  /** Place of the step for random numbers. */
  readonly sequence: number;
  readonly step: number;
}

type Rule = (proposal: Proposal, selection: Selection, step: SelectionStep) => number[];

/** Indices into the proposal, ascending: at most all of it. */
export const select: Rule = (proposal, selection, step) =>
  rules[selection.strategy](proposal, selection, step);

const rules: Readonly<Record<Strategy, Rule>> = {
  low_confidence_static: ({ probability }, _, { quota }) => largest(probability, quota),

  low_confidence_dynamic({ probability }, { threshold }, { quota }) {
    const sure = indices(probability.length).filter((i) => probability[i]! > threshold);
    return sure.length >= quota ? sure : largest(probability, quota);
  },

  sequential: ({ columns }, _, { quota }) => indices(Math.min(quota, columns.length)),

  entropy_bounded({ entropy }, { entropyBound }) {
    const order = ranked(entropy.map((one) => -one));
    let sum = 0;
    const count = order.findIndex((i) => {
      sum += entropy[i]!;
      return sum >= entropyBound;
    });
    return order.slice(0, count < 0 ? order.length : Math.max(1, count)).sort((a, b) => a - b);
  },

  random: ({ columns }, { seed }, { quota, sequence, step }) =>
    largest(randomScores(columns, { seed, stream: streams.reveal, sequence, step }), quota),
};

const indices = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
