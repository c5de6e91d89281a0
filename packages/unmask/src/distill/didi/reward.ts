// Rewards of texts by the critic, and what becomes of them: plain arithmetic on the host.
//
//   r_i   = the critic's logit, log D / (1 − D), kept in ±8; D is high for what it takes for real
//   R     = mean of r_i over the positions that it is asked at: each estimates log q_real(z_t) − log q_student(z_t)
//   A     = (R − mean of the group) / its standard deviation (n − 1), kept in ±3
//   ω(t)  = −alpha′ / (1 − alpha), kept in [0.1, 10]: min(1/t, 10) for the log-linear schedule
// With four texts a group, |A| is at most (4 − 1)/√4 = 1.5.

import { betaDensity } from "../../base/beta.ts";
import { nelboWeight } from "../../diffusion/schedule.ts";
import { betaParameters, type DidiOptions } from "./options.ts";
import type { DidiPlan, Sides } from "./prepare.ts";
import { releasedLogOdds } from "./released.ts";

const denominatorEpsilon = 1e-8;
const [smallestWeight, largestWeight] = [0.1, 10];

type Texts = Pick<DidiPlan, "rows" | "length"> & { readonly asked: Pick<Sides, "fake"> };

/** R of each text, from the critic's logits [rows · length]; 0 for a text that it is asked nothing about. */
export function sequenceRewards(
  logits: ArrayLike<number>,
  { rows, length, asked }: Texts,
  options: DidiOptions,
): Float64Array {
  const sums = new Float64Array(rows);
  const counts = new Float64Array(rows);
  for (const flat of asked.fake) {
    const row = Math.floor(flat / length);
    sums[row] = sums[row]! + tokenReward(logits[flat]!, options);
    counts[row] = counts[row]! + 1;
  }
  const least = options.fidelity === "released" ? denominatorEpsilon : 0;
  return sums.map((sum, row) => (counts[row] === 0 ? 0 : sum / (counts[row]! + least)));
}

function tokenReward(logit: number, { fidelity, rewardClipVal }: DidiOptions): number {
  const odds = fidelity === "released" ? releasedLogOdds(logit) : logit;
  return Math.min(Math.max(odds, -rewardClipVal), rewardClipVal);
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

/**
 * A of each position [rows · length]: its text's, or for credit "logit" that of the critic's logit at its place, in the
 * same group. There deviations are those of logits; a hidden position has its text's mean for a reward.
 */
export function positionAdvantages(
  logits: ArrayLike<number>,
  texts: Texts & { readonly hidden: Pick<Sides, "fake"> },
  options: DidiOptions,
): Float64Array {
  const { rows, length, asked, hidden } = texts;
  const rewards = sequenceRewards(logits, texts, options);
  const all = new Float64Array(rows * length);
  if (options.credit !== "logit") {
    const own = advantages(rewards, options);
    return all.map((_, flat) => own[Math.floor(flat / length)]!);
  }
  for (let flat = 0; flat < all.length; flat++) all[flat] = rewards[Math.floor(flat / length)]!;
  for (const flat of asked.fake) all[flat] = tokenReward(logits[flat]!, options);
  for (const flat of hidden.fake) all[flat] = rewards[Math.floor(flat / length)]!;
  return standardised(all, rewards, { length, asked: asked.fake, options });
}

/** Less the baseline of each text's group, and for "group" over the deviation of what was asked in it. */
function standardised(
  values: Float64Array,
  rewards: Float64Array,
  { length, asked, options }: { length: number; asked: Int32Array; options: DidiOptions },
): Float64Array {
  const { numSamplesPerPrompt: G, baseline, advantageClipVal } = options;
  if (baseline === "none") return values;
  const groups = rewards.length / G;
  const means = Float64Array.from({ length: groups }, (_, g) => meanOf(rewards.subarray(g * G, (g + 1) * G)));
  const squares = new Float64Array(groups);
  const counts = new Float64Array(groups);
  for (const flat of asked) {
    const g = Math.floor(flat / (length * G));
    squares[g] = squares[g]! + (values[flat]! - means[g]!) ** 2;
    counts[g] = counts[g]! + 1;
  }
  return values.map((value, flat) => {
    const row = Math.floor(flat / length);
    const g = Math.floor(row / G);
    const others = (G * means[g]! - rewards[row]!) / (G - 1);
    const advantage =
      baseline === "leave_one_out"
        ? value - others
        : (value - means[g]!) / (Math.sqrt(squares[g]! / Math.max(1, counts[g]! - 1)) + denominatorEpsilon);
    return Math.min(Math.max(advantage, -advantageClipVal), advantageClipVal);
  });
}

const meanOf = (values: Float64Array): number => values.reduce((sum, one) => sum + one, 0) / values.length;

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
