// Times for training: stratified over the global batch ("antithetic" in MDLM's code), so that every batch covers
// [epsilon, 1] evenly and the loss has less variance.
//   t_i = epsilon + (1 − epsilon) · ((i + U_i) / n mod 1),   i = 0 … n−1

/** Smallest time that training draws (MDLM's sampling_eps). */
export const smallestTime = 1e-3;

/**
 * Time of the example at place `index` of a global batch of `count`, from its own uniform number in [0, 1).
 * A worker that holds places 8 … 15 calls it with those indices: slicing does not change the times.
 */
export function stratifiedTime(
  index: number,
  count: number,
  uniform: number,
  { smallest = smallestTime }: { smallest?: number } = {},
): number {
  return smallest + (1 - smallest) * (((index + uniform) / count) % 1);
}
