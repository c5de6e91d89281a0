// Where two runs say different things at the same position.

import type { Run } from "./run.ts";

export interface Differences {
  readonly left: readonly number[];
  readonly right: readonly number[];
}

/** Places that differ, on each side; what only one run has differs. */
export function differencesOf(left: Run, right: Run, by: "ids" | "pieces"): Differences {
  const differs = (own: Run, other: Run) =>
    [...own[by].keys()].filter((place) => own[by][place] !== other[by][place]);
  return { left: differs(left, right), right: differs(right, left) };
}
