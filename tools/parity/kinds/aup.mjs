// @ts-check
// AUP: the score of accuracy against parallelism.

import { skipped } from "./skipped.mjs";

/** @type {import("./table.mjs").Kinds} */
export const kinds = {
  ...skipped(["leaderboard", "synthetic"], "aup: the score is not implemented yet"),
  ...skipped(
    ["leaderboard_average"],
    "aup: published averages, for information; there is nothing to compute",
  ),
};
