// @ts-check
// MDLM: network, noise, loss, averaged weights and the published sampler.

import { ditLogits, subsLogProbs } from "./mdlm/network.mjs";
import { ancestralStep, samplerRun } from "./mdlm/sampling.mjs";
import { ema, nelboLoss, noiseSchedule, stratifiedTimes } from "./mdlm/training.mjs";

/** @type {import("./table.mjs").Kinds} */
export const kinds = {
  dit_logits: ditLogits,
  subs_logprobs: subsLogProbs,
  noise_schedule: noiseSchedule,
  stratified_t: stratifiedTimes,
  nelbo: nelboLoss,
  ancestral_step: ancestralStep,
  sampler_run: samplerRun,
  ema,
};
