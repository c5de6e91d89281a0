// One row of the operator table: a valid call with what it must give, and a wrong call that must throw a TorchError.

import type { Operator } from "../../src/index.ts";

export interface Case {
  good: () => unknown;
  /** Nested numbers, or a property of them. */
  want: unknown | ((result: unknown) => boolean);
  bad: () => unknown;
  /** The operator, if older libtorch lacks it. */
  since?: Operator;
}

export type Table = Readonly<Record<string, Case>>;

export const row = (good: () => unknown, want: Case["want"], bad: () => unknown): Case => ({
  good,
  want,
  bad,
});

/** For arguments that the types forbid. */
// biome-ignore lint/suspicious/noExplicitAny: the point is to pass something wrong
export const wrong = (value: unknown): any => value;
