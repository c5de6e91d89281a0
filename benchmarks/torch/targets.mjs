// @ts-check

/**
 * What the median of the ratios ours / Python has to reach: time of a call at most, speed of a training step and of a
 * matrix product at least.
 */
export const targets = { callRatio: 1.5, stepSpeed: 0.95, productSpeed: 0.97 };
