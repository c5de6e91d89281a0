// @ts-check
// T3D: distillation of SDAR.

import { skipped } from "./skipped.mjs";

/** @type {import("./table.mjs").Kinds} */
export const kinds = skipped(
  [
    "training_mask_positions",
    "corruption",
    "loss",
    "fake_token_sampling",
    "path_weights",
    "optimizer_steps",
    "lr_schedules",
  ],
  "t3d: the distiller is not implemented yet",
);
