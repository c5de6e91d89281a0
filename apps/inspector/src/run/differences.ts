// Where two runs say different things at the same position.

import type { Run } from "./run.ts";

export interface Differences {
  readonly left: readonly number[];
  readonly right: readonly number[];
}

/** Places that differ, on each side; what only one run has differs. */
export function differencesOf(left: Run, right: Run): Differences {
  const differs = (own: Run, other: Run) =>
    [...own.pieces.keys()].filter((place) => own.pieces[place] !== other.pieces[place]);
  return { left: differs(left, right), right: differs(right, left) };
}
