// When a refused client may try again: when half of the queue will be served, at the pace of late.

const [least, most] = [1, 60];

/** Whole seconds, from when requests became whole (milliseconds, ascending). */
export function retryAfter(finishes: readonly number[], waiting: number): number {
  if (finishes.length < 2) return least;
  const interval = (finishes.at(-1)! - finishes[0]!) / (finishes.length - 1) / 1000;
  return Math.min(most, Math.max(least, Math.ceil((interval * waiting) / 2)));
}
