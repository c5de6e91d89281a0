// What a trajectory says of the decoding: forwards, parallelism, order, and work that came to nothing.

import type { Trajectory } from "./record.ts";

export interface TrajectoryStats {
  /** Tokens written up to and including the first end of text. */
  readonly tokens: number;
  /** Forwards of the network (NFE). */
  readonly forwards: number;
  readonly tokensPerForward: number;
  /** Most tokens revealed by one forward. */
  readonly largestStep: number;
  /** Forwards that revealed nothing: fillings of a cache, refreshes. */
  readonly emptyForwards: number;
  /**
   * Kendall's tau-b between column and reveal step over the revealed tokens: 1 from left to right, −1 from right to
   * left, 0 for no order or all at once.
   */
  readonly leftToRight: number;
  /** Columns fed to the network over all forwards, and how many of those a written token needed at least. */
  readonly columnsFed: number;
  readonly columnsFedPerToken: number;
  /** Tokens decoded behind the first end of text: paid for and thrown away. */
  readonly tokensBehindEnd: number;
  readonly meanConfidence: number;
  readonly meanEntropy: number;
}

/** Statistics of one sequence; `endIds` are the tokens that end a text. */
export function trajectoryStats(trajectory: Trajectory, endIds: readonly number[]): TrajectoryStats {
  const { token_ids: tokens, reveal_step: steps, forwards } = trajectory;
  const end = tokens.findIndex((token, column) => endIds.includes(token) && trajectory.given[column] !== 1);
  const kept = end < 0 ? tokens.length : end + 1;
  const written = steps.map((step, column) => ({ step, column })).filter(({ step }) => step >= 0);
  const inside = written.filter(({ column }) => column < kept);
  const perForward = new Map<number, number>();
  for (const { step } of written) perForward.set(step, (perForward.get(step) ?? 0) + 1);
  const columnsFed = trajectory.fed_length.reduce((sum, length) => sum + length, 0);
  const mean = (values: readonly number[]) =>
    written.length === 0 ? 0 : written.reduce((sum, { column }) => sum + values[column]!, 0) / written.length;
  return {
    tokens: inside.length,
    forwards,
    tokensPerForward: inside.length / Math.max(1, forwards),
    largestStep: Math.max(0, ...perForward.values()),
    emptyForwards: forwards - perForward.size,
    leftToRight: kendallTau(written.map(({ step }) => step)),
    columnsFed,
    columnsFedPerToken: columnsFed / Math.max(1, inside.length),
    tokensBehindEnd: written.length - inside.length,
    meanConfidence: mean(trajectory.confidence),
    meanEntropy: mean(trajectory.entropy),
  };
}

/** Tau-b of a list against its index, with ties in the values. */
export function kendallTau(values: readonly number[]): number {
  let [balance, ties] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    for (let j = i + 1; j < values.length; j++) {
      const sign = Math.sign(values[j]! - values[i]!);
      balance += sign;
      if (sign === 0) ties++;
    }
  }
  const pairs = (values.length * (values.length - 1)) / 2;
  const scale = Math.sqrt(pairs * (pairs - ties));
  return scale === 0 ? 0 : balance / scale;
}
