// The limit on one comparison. Work is counted in steps, not in seconds, so that a verdict is the same on every
// machine; the steps of any answer that a person would write are a few hundred.

/** Thrown when an answer is no mathematics that we read. Never leaves this folder. */
export class Unreadable extends Error {}

/** Thrown when the steps are used up. Never leaves this folder. */
export class LimitReached extends Error {}

export interface Work {
  /** Steps left. */
  left: number;
}

export const stepLimit = 60_000;
/** Characters of an answer that are looked at; a longer one is no answer. */
export const lengthLimit = 4_000;

export function newWork(): Work {
  return { left: stepLimit };
}

export function spend(work: Work, steps = 1): void {
  work.left -= steps;
  if (work.left < 0) throw new LimitReached("too much work");
}
