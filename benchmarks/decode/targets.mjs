// @ts-check

/**
 * What the median of the ratios of speeds ours / Python, from the prompt to the finished text, has to reach; and how
 * much of a forward's time the rest of a step may take at most.
 */
export const targets = { multiBlockSpeed: 1.3, oneStepSpeed: 1.3, vanillaSpeed: 0.97, overhead: 0.05 };
