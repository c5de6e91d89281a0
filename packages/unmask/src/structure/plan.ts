// A text with holes: what is the same in every text that is wanted, and between that the holes with what may stand in
// them. The first is locked in the canvas, the holes are what is left to the model.

import type { Expression, Expressions } from "./expressions.ts";

export type Segment = string | HoleSpec;

export interface HoleSpec {
  readonly expression: Expression;
}

export interface StructurePlan {
  readonly expressions: Expressions;
  readonly segments: readonly Segment[];
  /** Why a finished text is not what was asked for; undefined if it is. */
  check(text: string): string | undefined;
}
