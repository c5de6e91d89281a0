// @ts-check
// The same global batch in two processes beside one. On a machine whose cores one process uses already this is no
// speed-up but the overhead of distribution: what sending gradients and sharing the optimiser's state cost.

import { difference, measurePairs, median } from "../lib/pairs.mjs";
import { Plan, tolerances } from "./cases.mjs";
import { runOurs } from "./processes.mjs";
import { comparedSteps } from "./spec.mjs";

export const processes = 2;

/**
 * @param {import("./cases.mjs").Subject} subject
 * @param {object} given
 * @param {string} given.folder
 * @param {string} given.scratch
 * @param {number} given.pairs
 * @param {import("./cases.mjs").Bounds} given.bounds
 */
export async function measureDistribution(subject, { folder, scratch, pairs, bounds }) {
  const plan = new Plan(subject, { folder, scratch, threads: bounds.threads });
  const probe = await runOurs({ ...plan.spec, timed: 2 });
  const together = await runOurs({ ...plan.spec, timed: 0 }, processes);
  const apart = difference(together.losses, probe.losses.slice(0, comparedSteps));
  plan.settle(probe, bounds);
  const side = (/** @type {number} */ count) => ({
    run: async () => (await runOurs(plan.spec, count)).seconds.reduce((sum, value) => sum + value, 0),
  });
  const seconds = await measurePairs(side(processes), side(1), { pairs, count: 1, isWarm: true });
  const { rows, length, timed } = plan.spec;
  const tolerance = tolerances[subject.products];
  const speeds = (/** @type {number[]} */ list) => list.map((value) => (rows * length * timed) / value);
  const samples = { several: speeds(seconds.ours), one: speeds(seconds.peer) };
  const ratios = samples.several.map((value, i) => value / Number(samples.one[i]));
  return {
    name: subject.name,
    title: `${subject.sizeName}, ${subject.products}: overhead of distribution, ${processes} processes beside one`,
    ...{ unit: "tokens/s", several: median(samples.several), one: median(samples.one), samples },
    ...{ ratio: median(ratios), ratioMin: Math.min(...ratios), ratioMax: Math.max(...ratios) },
    ...{ agree: apart <= tolerance, difference: apart, tolerance },
  };
}
