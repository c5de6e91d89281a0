// @ts-check

/** What the median of the ratios of speeds ours / Python has to reach. */
export const targets = { stepSpeed: 1 };
