// @ts-check
// Rewards, advantages and time weights: tables of plain numbers.

import { betaDensity } from "../../../../packages/unmask/dist/base/beta.js";
import { didiOptions } from "../../../../packages/unmask/dist/distill/didi/options.js";
import {
  advantages,
  sequenceRewards,
  timeWeight,
} from "../../../../packages/unmask/dist/distill/didi/reward.js";
import { flat } from "./networks.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {Partial<import("../../../../packages/unmask/dist/distill/didi/options.js").DidiOptions>} Options
 */

const none = 1e6;

/** @param {Options} some */
const options = (some) => didiOptions({ vocabularySize: 2, maskId: 1, fidelity: "released", ...some });

/** @type {import("../table.mjs").Runner} */
export function rewardAdvantageOmega(one, check) {
  if (one.hasOutput("reward_per_token")) compareRewards(one, check);
  if (one.hasOutput("group_normalisation")) compareGroups(one, check);
  if (one.hasOutput("time_weight")) compareWeights(one, check);
}

/** The number in a name such as "clipped_to_8". @param {string} name @param {RegExp} pattern */
function numberIn(name, pattern) {
  const found = pattern.exec(name)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** @param {Case} one @param {Check} check */
function compareRewards(one, check) {
  const { discriminator_logit: logits, ...columns } = one.output("reward_per_token");
  const tolerance = one.tolerance("reward", { abs: 1e-4 });
  // Float32 rounding of 1 − p, as the case's own note has it.
  const allowance = (/** @type {number} */ i) => (Math.abs(logits[i]) > 7 ? 0.05 : 0);
  // Each logit as a text of one hidden position.
  const texts = {
    rows: logits.length,
    length: 1,
    asked: { fake: Int32Array.from(logits.keys()) },
  };
  for (const [name, expected] of Object.entries(columns)) {
    const isRaw = name.startsWith("raw_logit");
    const rewardClipVal = numberIn(name, /clipped_to_([\d.]+)$/) ?? none;
    const found = sequenceRewards(
      logits,
      texts,
      options({ rewardClipVal, fidelity: isRaw ? "corrected" : "released" }),
    );
    check.close(
      `reward_per_token.${name}`,
      flat(found),
      flat(expected),
      isRaw ? tolerance : { ...tolerance, allowance },
    );
  }
}

/** @param {Case} one @param {Check} check */
function compareGroups(one, check) {
  const tolerance = one.tolerance("advantage", { abs: 1e-5 });
  /** @type {{ G: number, sequence_rewards: number[] }[]} */
  const groups = one.output("group_normalisation");
  groups.forEach(({ G, sequence_rewards: rewards, ...columns }, i) => {
    for (const [name, expected] of Object.entries(columns)) {
      const clip = name === "advantage" ? none : numberIn(name, /^after_clip_([\d.]+)$/);
      if (clip === undefined) continue;
      const found = advantages(
        Float64Array.from(rewards),
        options({ numSamplesPerPrompt: G, advantageClipVal: clip }),
      );
      check.close(
        `group_normalisation[${i}].${name}`,
        flat(found),
        flat(/** @type {any} */ (expected)),
        tolerance,
      );
    }
  });
}

/** @param {Case} one @param {Check} check */
function compareWeights(one, check) {
  const { tau, ...columns } = one.output("time_weight");
  const exact = one.tolerance("omega", { rel: 1e-6 });
  for (const [name, expected] of Object.entries(columns)) {
    const digits = /beta(\d)(\d)/.exec(name);
    /** @type {(t: number) => number} */
    let formula = (t) => timeWeight(t, options({}));
    let tolerance = exact;
    if (name.startsWith("importance_weighted")) {
      const tauMode = digits?.[0] ?? "uniform";
      formula = (t) => timeWeight(t, options({ tauMode, importanceWeight: true }));
      tolerance = { rel: 1e-5 };
    } else if (digits !== null) {
      formula = (t) => betaDensity(Number(digits[1]), Number(digits[2]), t);
      tolerance = { rel: 1e-5 };
    } else if (name.includes("finite_difference")) {
      // Ours is the exact derivative in every fidelity.
      tolerance = one.tolerance("omega_finite_difference", { rel: 2e-3 });
    }
    check.close(`time_weight.${name}`, flat(tau.map(formula)), flat(expected), tolerance);
  }
}
