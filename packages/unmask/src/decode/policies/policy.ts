// What a decoding policy sees and says. A policy is pure: the same canvas, proposal and step give the same decision.

import type { Canvas } from "../canvas.ts";

/** What the network thinks of the open positions, reduced to a few numbers each. Arrays are parallel. */
export interface Proposal {
  /** Flat open positions, ascending. */
  positions: Int32Array;
  /** Token drawn for the position. */
  token: Int32Array;
  /** Probability of that token. */
  probability: Float32Array;
  /** Entropy of the position's distribution, nats. */
  entropy: Float32Array;
  /** Probability of the best token minus that of the second best. */
  margin: Float32Array;
}

export interface Decision {
  /** Indices into the proposal's arrays whose tokens are to be written, ascending. */
  commit: readonly number[];
}

export interface Policy {
  readonly name: string;
  /** Steps after which the policy has committed everything. */
  readonly steps: number;
  decide(canvas: Canvas, proposal: Proposal, step: number): Decision;
}

/** Where proposals come from: a network (propose.ts) or a table (scripted.ts). */
export interface Proposer {
  propose(canvas: Canvas, step: number): Proposal | Promise<Proposal>;
}
