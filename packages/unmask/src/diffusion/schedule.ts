// Noise schedules: alpha(t) is the probability that a token is still clean at time t, from alpha(0) = 1 (clean)
// down to alpha(1) ≈ 0 (all noise).
//
// Log-linear (MDLM; Sahoo et al. 2024, "Simple and effective masked diffusion language models"):
//   alpha(t) = 1 − (1 − ε) t,   alpha′(t) = −(1 − ε),   sigma(t) = −ln alpha(t),   ε = 1e-3
// With it the weight of the NELBO, −alpha′ / (1 − alpha), is exactly 1/t.
// Smoke test: alpha(1) = 0.001, sigma(1) = 6.907755.

export interface NoiseSchedule {
  readonly name: string;
  alpha(t: number): number;
  /** d alpha / d t (negative). */
  alphaDerivative(t: number): number;
}

export function logLinear(epsilon = 1e-3): NoiseSchedule {
  return {
    name: "log-linear",
    alpha: (t) => 1 - (1 - epsilon) * t,
    alphaDerivative: () => -(1 - epsilon),
  };
}

/** Weight of a masked token's loss in the continuous-time NELBO: −alpha′(t) / (1 − alpha(t)). */
export function nelboWeight(schedule: NoiseSchedule, t: number): number {
  return -schedule.alphaDerivative(t) / (1 - schedule.alpha(t));
}

/** Total noise sigma(t) = −ln alpha(t), the number that time-conditioned networks are given. */
export function sigma(schedule: NoiseSchedule, t: number): number {
  return -Math.log(schedule.alpha(t));
}

/**
 * Probability that a position still noisy at time t is clean at the earlier time s < t, in the reverse process:
 * (alpha_s − alpha_t) / (1 − alpha_t).
 */
export function revealProbability(schedule: NoiseSchedule, t: number, s: number): number {
  return (schedule.alpha(s) - schedule.alpha(t)) / (1 - schedule.alpha(t));
}

/** Where the published samplers stop, short of t = 0. */
export const releasedLastTime = 1e-5;

/** Times of N steps of the reverse process, N + 1 of them, from 1 down to `last`. */
export function reverseTimes(steps: number, last = 0): number[] {
  return Array.from({ length: steps + 1 }, (_, k) => 1 - ((1 - last) * k) / steps);
}
