// @ts-check
// AUP: the score of accuracy against parallelism.

import { isUnmaskError } from "../../../packages/unmask/dist/base/errors.js";
import { aup } from "../../../packages/unmask/dist/evaluate/aup.js";
import { skipped } from "./skipped.mjs";

/**
 * @typedef {import("../case.mjs").Case} Case
 * @typedef {import("../compare.mjs").Check} Check
 * @typedef {{ rho: number[], accuracy: number[], y_max?: number, alpha?: number, y_min_offset?: number, aup?: number, error?: string }} Curve
 */

/** @param {Curve} curve @param {{ y_max?: number, alpha?: number, y_min_offset?: number }} shared */
function scoreOf({ rho, accuracy, ...own }, shared) {
  const { y_max: best = 0, alpha, y_min_offset: offset } = { ...shared, ...own };
  if (rho.length !== accuracy.length) return undefined; // no curve at all: our points are pairs
  try {
    return aup(
      rho.map((parallelism, i) => ({ parallelism, accuracy: Number(accuracy[i]) })),
      { best, alpha, offset },
    );
  } catch (error) {
    if (isUnmaskError(error)) return undefined;
    throw error;
  }
}

/** @param {Check} check @param {string} name @param {{ curve: Curve, shared: object, rel: number }} what */
function compare(check, name, { curve, shared, rel }) {
  const found = scoreOf(curve, shared);
  const refused = { values: [Number(found === undefined)], shape: [] };
  check.exact(`${name} refused`, refused, { values: [Number(curve.error !== undefined)], shape: [] });
  if (curve.aup === undefined || found === undefined) return;
  check.close(name, { values: [found], shape: [] }, { values: [curve.aup], shape: [] }, { rel, abs: 1e-12 });
}

/** @param {Case} one */
const relative = (one) => one.json.tolerance?.aup_rel ?? 1e-9;

/** @type {import("./table.mjs").Runner} */
function synthetic(one, check) {
  /** @type {(Curve & { case: string })[]} */
  const cases = one.json.cases ?? one.output("cases");
  cases.forEach((curve, i) => {
    compare(check, `cases[${i}] ${curve.case}`, { curve, shared: {}, rel: relative(one) });
  });
}

/** @type {import("./table.mjs").Runner} */
function leaderboard(one, check) {
  /** @type {Record<string, Record<string, { y_max: number, methods: Record<string, Curve> }>>} */
  const datasets = one.json.datasets ?? one.output("datasets");
  for (const [dataset, tasks] of Object.entries(datasets)) {
    for (const [task, { y_max, methods }] of Object.entries(tasks)) {
      for (const [method, curve] of Object.entries(methods)) {
        const shared = { ...one.json.arguments, y_max };
        compare(check, `${dataset} ${task} ${method}`, { curve, shared, rel: relative(one) });
      }
    }
  }
}

/** @type {import("./table.mjs").Kinds} */
export const kinds = {
  synthetic,
  leaderboard,
  ...skipped(
    ["leaderboard_average"],
    "aup: published averages, for information; there is nothing to compute",
  ),
};
