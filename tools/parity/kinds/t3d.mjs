// @ts-check
// T3D: distillation of SDAR.

import { skipped } from "./skipped.mjs";
import { corruption, trainingMaskPositions } from "./t3d/structure.mjs";
import { lrSchedules, optimizerSteps } from "./t3d/training.mjs";

/** @type {import("./table.mjs").Kinds} */
export const kinds = {
  training_mask_positions: trainingMaskPositions,
  corruption,
  optimizer_steps: optimizerSteps,
  lr_schedules: lrSchedules,
  ...skipped(["loss", "fake_token_sampling", "path_weights"], "t3d: the distiller is not implemented yet"),
};
