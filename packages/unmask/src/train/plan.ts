// What a run will cost, before its first step.

import { totalmem } from "node:os";
import { ConfigError } from "../base/errors.ts";
import { type MdlmConfig, mdlmParameterShapes } from "../models/mdlm.ts";

export interface MemoryPlan {
  parameters: number;
  /** Peak bytes: weights, average, gradients, two moments, and the activations of one batch. */
  bytes: number;
}

/**
 * Estimate for float32 training. Activations a token and block: the tensors autograd keeps (norm in and out, qkv,
 * rotated q and k with their halves, mixed, two MLP tensors of 4 D and GELU's input: about 34 D), attention scores
 * and probabilities (2 · heads · length), and logits with their softmax (3 V for the masked half, at most all).
 */
export function estimateMemory(config: MdlmConfig, batchSize: number): MemoryPlan {
  let parameters = 0;
  for (const shape of mdlmParameterShapes(config).values()) parameters += shape.reduce((a, b) => a * b, 1);
  const tokens = batchSize * config.length;
  const block = 34 * config.hiddenSize + 2 * config.heads * config.length;
  const activations = tokens * (config.blocks * block + 3 * config.vocabularySize);
  return { parameters, bytes: 4 * (5 * parameters + activations) };
}

/** Throws a ConfigError if the plan does not fit into the machine's memory. */
export function refuseTooLarge(plan: MemoryPlan, config: MdlmConfig, batchSize: number): void {
  const available = totalmem();
  if (plan.bytes <= available) return;
  const fixed = estimateMemory(config, 0).bytes;
  const perRow = estimateMemory(config, 1).bytes - fixed;
  const fits = Math.floor((available * 0.8 - fixed) / perRow);
  const remedy = fits >= 1 ? `use train.batch_size=${fits} or less` : "use a smaller model";
  throw new ConfigError(
    `train.batch_size ${batchSize} needs about ${gib(plan.bytes)} GiB of memory and this machine has ${gib(available)}; ${remedy}`,
    { batchSize, bytes: plan.bytes },
  );
}

const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
