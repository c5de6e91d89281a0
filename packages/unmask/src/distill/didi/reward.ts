// Rewards of texts by the critic, and what becomes of them: plain arithmetic on the host.
//
//   r_i   = the critic's logit, log D / (1 − D), kept in ±8; D is high for what it takes for real
//   R     = mean of r_i over the positions hidden from it: each estimates log q_real(z_t) − log q_student(z_t)
//   A     = (R − mean of the group) / its standard deviation (n − 1), kept in ±3
//   ω(t)  = −alpha′ / (1 − alpha), kept in [0.1, 10]: min(1/t, 10) for the log-linear schedule
// With four texts a group, |A| is at most (4 − 1)/√4 = 1.5.

import { betaDensity } from "../../base/beta.ts";
import { nelboWeight } from "../../diffusion/schedule.ts";
import { betaParameters, type DidiOptions } from "./options.ts";
import type { DidiPlan } from "./prepare.ts";
import { releasedLogOdds } from "./released.ts";

const denominatorEpsilon = 1e-8;
const [smallestWeight, largestWeight] = [0.1, 10];

/** R of each text, from the critic's logits [rows · length]; 0 for a text that hides nothing. */
export function sequenceRewards(
  logits: ArrayLike<number>,
  { rows, length, hidden }: Pick<DidiPlan, "rows" | "length" | "hidden">,
  { fidelity, rewardClipVal }: DidiOptions,
): Float64Array {
  const sums = new Float64Array(rows);
  const counts = new Float64Array(rows);
  for (const flat of hidden.fake) {
    const row = Math.floor(flat / length);
    const logit = logits[flat]!;
    const odds = fidelity === "released" ? releasedLogOdds(logit) : logit;
    sums[row] = sums[row]! + Math.min(Math.max(odds, -rewardClipVal), rewardClipVal);
    counts[row] = counts[row]! + 1;
  }
  const least = fidelity === "released" ? denominatorEpsilon : 0;
  return sums.map((sum, row) => (counts[row] === 0 ? 0 : sum / (counts[row]! + least)));
}

/** A of each text; groups of `numSamplesPerPrompt` stand beside each other. */
export function advantages(
  rewards: Float64Array,
  { numSamplesPerPrompt: G, baseline, advantageClipVal }: DidiOptions,
): Float64Array {
  if (baseline === "none") return Float64Array.from(rewards);
  const result = new Float64Array(rewards.length);
  for (let start = 0; start < rewards.length; start += G) {
    const group = rewards.subarray(start, start + G);
    const mean = group.reduce((sum, reward) => sum + reward, 0) / G;
    const deviation = Math.sqrt(group.reduce((sum, reward) => sum + (reward - mean) ** 2, 0) / (G - 1));
    const scale = baseline === "group" ? 1 / (deviation + denominatorEpsilon) : G / (G - 1);
    group.forEach((reward, i) => {
      // The mean of the others is mean − (reward − mean) / (G − 1).
      const advantage = (reward - mean) * scale;
      result[start + i] = Math.min(Math.max(advantage, -advantageClipVal), advantageClipVal);
    });
  }
  return result;
}

/** ω(t), divided by π(t) if importance weights are on. */
export function timeWeight(
  t: number,
  { schedule, weightMode, importanceWeight, tauMode, coupledTime }: DidiOptions,
): number {
  const weight =
    weightMode === "constant"
      ? 1
      : Math.min(Math.max(nelboWeight(schedule, t), smallestWeight), largestWeight);
  if (!importanceWeight || !coupledTime) return weight;
  return weight / betaDensity(...betaParameters(tauMode), t);
}
