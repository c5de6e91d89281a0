// Rounds of self-distillation: when a student becomes the reference of the next round.
//
//   refresh "latest"  the student as it is at the round's end (published code)
//   refresh "best"    the best student of the round by a score (paper); scores come from whoever drives the run, as often
//                     as it likes; a round without a score takes its last student
//
// A description and pure functions: the state is plain data, to be kept in checkpoints, and what is to be done with
// weights is said, not done. "latest" needs no score: distillers see to it themselves when a step begins. The published code counts a step one micro-batch before its update, so that a round there
// ends an update early ("released"); that it forgets the last, incomplete window of an epoch is not reproduced.

import { clone, copy_, noGrad, scope } from "@unmask/torch";
import { CheckpointError, ConfigError, UnsupportedError } from "../base/errors.ts";
import type { Network } from "../models/family.ts";
import { Transformer } from "../models/parts/transformer.ts";

export const refreshes = ["latest", "best"] as const;
export type Refresh = (typeof refreshes)[number];

export interface Rounds {
  /** Updates of a round; undefined for a reference that stays. */
  readonly interval: number | undefined;
  readonly refresh: Refresh;
  readonly released?: boolean | undefined;
}

export interface RoundState {
  /** Rounds that are over. */
  readonly round: number;
  /** Best score of the present round so far. */
  readonly best: number | undefined;
}

export const firstRound: RoundState = { round: 0, best: undefined };

/** What follows from an update. */
export interface RoundStep {
  readonly state: RoundState;
  /** The student is the best of its round so far: keep a copy of it. */
  readonly keep: boolean;
  /** The round is over: its student, or the copy that was kept, becomes the reference. */
  readonly refresh: "student" | "kept" | undefined;
}

/** After `updates` updates in all; `score` of the student if it was measured, higher is better. */
export function afterUpdate(
  rounds: Rounds,
  { round, best }: RoundState,
  { updates, score }: { updates: number; score?: number | undefined },
): RoundStep {
  const isBetter = rounds.refresh === "best" && score !== undefined && !(score <= (best ?? -Infinity));
  if (Number.isNaN(score)) {
    throw new ConfigError(`the student's score after update ${updates} is no number; it cannot be compared`);
  }
  const newest = isBetter ? score : best;
  if (!endsRound(rounds, updates))
    return { state: { round, best: newest }, keep: isBetter, refresh: undefined };
  const state = { round: round + 1, best: undefined };
  // The newest student needs no copy to be the best.
  if (isBetter || newest === undefined) return { state, keep: false, refresh: "student" };
  return { state, keep: false, refresh: "kept" };
}

/** Whether a round ends with this many updates. */
export function endsRound({ interval, released = false }: Rounds, updates: number): boolean {
  if (interval === undefined || updates === 0) return false;
  return (updates + (released ? 1 : 0)) % interval === 0;
}

/** Copies the student's weights into the reference. Adapters beside a base would leave the reference what it was. */
export function refreshReference(student: Network, reference: Network): void {
  if (student instanceof Transformer && student.weights.adapters.size > 0) {
    throw new UnsupportedError(
      "with adapters the student cannot become the teacher of a next round; end the run with the round, merge, and begin again with the merged model",
    );
  }
  noGrad(() => {
    for (const [name, weight] of reference.parameters) {
      const source = student.parameters.get(name);
      if (source === undefined) {
        throw new CheckpointError(
          `the student has no ${name}, which the reference has; they must be one model`,
          {
            name,
          },
        );
      }
      // clone(): the copy must not hang on the student's graph.
      scope(() => copy_(weight, clone(source)));
    }
  });
}
