// @ts-check
// T3D: distillation of SDAR.

import { fakeTokenSampling, loss, pathWeights } from "./t3d/loss.mjs";
import { corruption, trainingMaskPositions } from "./t3d/structure.mjs";
import { lrSchedules, optimizerSteps } from "./t3d/training.mjs";

/** @type {import("./table.mjs").Kinds} */
export const kinds = {
  training_mask_positions: trainingMaskPositions,
  corruption,
  optimizer_steps: optimizerSteps,
  lr_schedules: lrSchedules,
  loss,
  fake_token_sampling: fakeTokenSampling,
  path_weights: pathWeights,
};
