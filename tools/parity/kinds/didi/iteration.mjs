// @ts-check
// One iteration of distillation on the reference's own random numbers: rollout, noise, rewards, the student's loss and
// its gradients.

import {
  add,
  exp,
  grad,
  item,
  mul,
  narrow,
  noGrad,
  scope,
  toNumbers,
} from "../../../../packages/torch/dist/index.js";
import {
  ancestralWeights,
  exponentialRace,
  keepVisible,
  subsLogProbabilities,
} from "../../../../packages/unmask/dist/diffusion/released.js";
import { sigma } from "../../../../packages/unmask/dist/diffusion/schedule.js";
import { criticLogits, criticLoss } from "../../../../packages/unmask/dist/distill/didi/critic.js";
import { didiOptions } from "../../../../packages/unmask/dist/distill/didi/options.js";
import { studentLoss } from "../../../../packages/unmask/dist/distill/didi/policy.js";
import { countsOf, hide, written } from "../../../../packages/unmask/dist/distill/didi/prepare.js";
import {
  advantages,
  sequenceRewards,
  timeWeight,
} from "../../../../packages/unmask/dist/distill/didi/reward.js";
import {
  logProbabilitiesOf,
  studentLogProbabilities,
} from "../../../../packages/unmask/dist/distill/didi/rows.js";
import { statesOf, writtenTokens } from "../../../../packages/unmask/dist/distill/didi/states.js";
import { defaults, numbersOf } from "../mdlm/model.mjs";
import {
  batchOf,
  clipFactor,
  compareGradients,
  flat,
  hiddenBy,
  idsOf,
  normOf,
  schedule,
  withCritic,
  withStudent,
} from "./networks.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../case.mjs").Numbers} Numbers
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("./networks.mjs").Tensor} Tensor
 * @typedef {import("./networks.mjs").Network} Network
 * @typedef {ReturnType<typeof batchOf>} Batch
 * @typedef {import("../../../../packages/unmask/dist/distill/didi/options.js").DidiOptions} Options
 * @typedef {{ student: Network, teacher: Network }} Networks
 */

/** @type {import("../table.mjs").Runner} */
export function policyIteration(one, check) {
  withStudent(one, (networks) => {
    const options = optionsOf(one, networks.student);
    const batch = noGrad(() => rolledOut(one, check, { student: networks.student, options }));
    const coefficients = rewarded(one, check, { batch, options });
    compareLogProbabilities(one, check, { student: networks.student, batch, options });
    compareLoss(one, check, { networks, batch, options, coefficients });
    compareAlternatives(one, check, { networks, batch, options });
  });
}

/** @param {Case} one @param {Network} student */
function optionsOf(one, { parameters }) {
  return didiOptions({
    fidelity: "released",
    vocabularySize: Number(parameters.get("vocab_embed.embedding")?.shape[0]),
    maskId: one.input("mask_id"),
    numSamplesPerPrompt: one.argument("G", 4),
    tauMinEps: one.json.arguments?.tau_clamp?.[0] ?? 0.02,
    t0Eps: one.argument("t0", 1e-3),
    rewardClipVal: one.argument("reward_clip", 8),
    advantageClipVal: one.argument("advantage_clip", 3),
    klBeta: one.argument("kl_beta", 1),
    klHi: one.argument("kl_hi", 0.01),
    klLo: one.argument("kl_lo", 0.01),
    entropyBeta: one.argument("entropy_beta", 0.02),
  });
}

/** @param {Case} one @param {string} name */
const flattened = (one, name) => flat(one.numbers(one.output(name)).values);

/**
 * The two steps as published: one draw a position from {stay masked, tokens}, by the exponential race.
 * @param {Case} one
 * @param {Check} check
 * @param {{ student: Network, options: Options }} work
 * @returns {Batch}
 */
function rolledOut(one, check, { student, options }) {
  const { maskId, t0Eps, tauMinEps } = options;
  const real = one.numbers(one.input("real_ids_repeated"));
  const [rows, length] = /** @type {[number, number]} */ (real.shape);
  const least = Math.fround(tauMinEps);
  const clamped = Array.from(one.numbers(one.input("tau_before_clamp")).values, (t) =>
    Math.min(Math.max(t, least), one.json.arguments?.tau_clamp?.[1] ?? 1 - tauMinEps),
  );
  const tau = Float64Array.from(clamped);
  check.close("tau", flat(tau), flattened(one, "tau"), defaults.time);
  check.close("alpha_tau", flat(tau.map(schedule.alpha)), flattened(one, "alpha_tau"), defaults.time);
  const levels = tau.map((t) => sigma(schedule, t));
  // Float32 rounding of alpha, which the logarithm divides by alpha.
  const allowance = (/** @type {number} */ i) => 2 ** -23 / schedule.alpha(Number(tau[i]));
  check.close("sigma_tau", flat(levels), flattened(one, "sigma_tau"), { ...defaults.time, allowance });

  const step = (
    /** @type {Int32Array} */ ids,
    /** @type {string} */ name,
    /** @type {(row: number) => [number, number]} */ times,
  ) =>
    scope(() => {
      const ids_BL = one.tensor(nested(ids, length), "int64");
      const log_BLV = subsLogProbabilities(student.logits(ids_BL), ids_BL, maskId);
      const uniforms_BLV = one.tensor(one.input(name));
      return Int32Array.from(
        Array.from({ length: rows }, (_, row) => {
          const [alphaT, alphaS] = times(row).map(schedule.alpha);
          const weights = ancestralWeights(exp(narrow(log_BLV, 0, row, 1)), {
            ...{ maskId, alphaT: Number(alphaT), alphaS: Number(alphaS) },
          });
          const drawn = exponentialRace(weights, narrow(uniforms_BLV, 0, row, 1));
          return toNumbers(keepVisible(narrow(ids_BL, 0, row, 1), drawn, maskId));
        }).flat(),
      );
    });
  const start = new Int32Array(rows * length).fill(maskId);
  const middle = step(start, "uniforms_step1", (row) => [1, Number(tau[row])]);
  const texts = step(middle, "uniforms_step2", (row) => [Number(tau[row]), t0Eps]);
  check.exact("x_tau", flat(middle), flattened(one, "x_tau"));
  check.exact("x_hat", flat(texts), flattened(one, "x_hat"));
  const left = texts.filter((id) => id === maskId).length;
  check.exact("masks_left_in_x_hat", flat([left]), flat([one.output("masks_left_in_x_hat")]));

  const steps = Uint8Array.from(texts, (id, i) => {
    if (middle[i] !== maskId) return written.first;
    return id === maskId ? written.never : written.second;
  });
  const positives = idsOf(one, "real_ids_repeated");
  const hidden = {
    fake: hiddenBy(one, "corruption_uniforms_fake", { times: tau, length, maskId }),
    real: hiddenBy(one, "corruption_uniforms_real", { times: tau, length, maskId }),
  };
  for (const [side, clean] of /** @type {const} */ ([
    ["fake", texts],
    ["real", positives],
  ])) {
    const noisy = hide(clean, hidden[side], maskId);
    check.exact(`corrupted_${side}`, flat(noisy), flattened(one, `corrupted_${side}`));
    const masked = Uint8Array.from(noisy.keys(), (i) => Number(hidden[side].includes(i)));
    check.exact(`masked_${side}`, flat(masked), flattened(one, `masked_${side}`));
  }
  return batchOf({
    ...{
      rows,
      length,
      begin: 0,
      tau,
      times: tau,
      start,
      middle,
      texts,
      drawn: middle,
      positives,
      steps,
      hidden,
    },
    lost: new Uint8Array(steps.length),
    asked: hidden,
  });
}

/** @param {Int32Array} ids @param {number} length */
const nested = (ids, length) =>
  Array.from({ length: ids.length / length }, (_, row) => [
    ...ids.subarray(row * length, (row + 1) * length),
  ]);

/**
 * The discriminator's part; returns ω A of each position.
 * @param {Case} one
 * @param {Check} check
 * @param {{ batch: Batch, options: Options }} work
 */
function rewarded(one, check, { batch, options }) {
  const tolerance = one.tolerance("rewards_advantages", { abs: 2e-3 });
  /** @type {number[]} */
  let coefficients = [];
  withCritic(one, (discriminator) => {
    const totals = countsOf(batch);
    const loss = noGrad(() =>
      item(criticLoss(discriminator, batch, { options, totals, iterate: false }).loss),
    );
    const losses = one.tolerance("losses", { rel: 1e-3 });
    check.close("discriminator_loss", flat([loss]), flat([one.output("discriminator_loss")]), losses);
    const logits = criticLogits(discriminator, batch, { options });
    check.close(
      "discriminator_logits_on_corrupted_fake",
      flat(logits),
      flattened(one, "discriminator_logits_on_corrupted_fake"),
      one.tolerance("logits", defaults.logits),
    );
    const rewards = sequenceRewards(logits, batch, options);
    check.close("sequence_reward", flat(rewards), flattened(one, "sequence_reward"), tolerance);
    const found = advantages(rewards, options);
    check.close("advantage", flat(found), flattened(one, "advantage"), tolerance);
    const weights = batch.times.map((t) => timeWeight(t, options));
    check.close("omega", flat(weights), flattened(one, "omega"), one.tolerance("omega", { rel: 1e-6 }));
    coefficients = Array.from(batch.steps, (_, flat) => {
      const row = Math.floor(flat / batch.length);
      return Number(found[row]) * Number(weights[row]);
    });
  });
  return coefficients;
}

/**
 * Sums over the positions of each text, by step, with and without masks that stayed.
 * @param {Case} one
 * @param {Check} check
 * @param {{ student: Network, batch: Batch, options: Options }} work
 */
function compareLogProbabilities(one, check, { student, batch, options }) {
  const tolerance = one.tolerance("log_probs", { rel: 1e-5, abs: 2e-3 });
  const states = statesOf(batch);
  const student_NV = noGrad(() => studentLogProbabilities(student, states, { options }));
  for (const [name, logprobMode] of /** @type {const} */ ([
    ["all_previously_masked", "prev_is_mask"],
    ["revealed_only", "changed_only"],
  ])) {
    const tokens = writtenTokens(batch, states, { ...options, logprobMode });
    const picked = noGrad(() => toNumbers(logProbabilitiesOf(student_NV, tokens)));
    for (const [output, step] of /** @type {const} */ ([
      ["log_prob_step1", "first"],
      ["log_prob_step2", "second"],
    ])) {
      const sums = new Float64Array(batch.rows);
      tokens.forEach((token, i) => {
        if (token.step === step) sums[token.row] = Number(sums[token.row]) + Number(picked[i]);
      });
      check.close(`${output}.${name}`, flat(sums), flat(one.output(output)[name]), tolerance);
    }
  }
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ networks: Networks, batch: Batch, options: Options, coefficients: number[] }} work
 */
function compareLoss(one, check, { networks, batch, options, coefficients }) {
  const totals = countsOf(batch);
  const losses = one.tolerance("losses", { rel: 1e-3 });
  const close = (/** @type {string} */ name, /** @type {Tensor} */ found, /** @type {number} */ expected) =>
    check.close(name, flat([item(found)]), flat([expected]), losses);
  const { loss, terms } = lossOf(networks, batch, { options, totals, coefficients });
  const { policy, entropy, kl_first, kl_second } = terms;
  const changed = { ...options, logprobMode: /** @type {const} */ ("changed_only") };
  const only = lossOf(networks, batch, { options: changed, totals, coefficients });
  const policies = one.output("policy_loss");
  close("policy_loss.all_previously_masked", policy, policies.all_previously_masked);
  close("policy_loss.revealed_only", only.terms.policy, policies.revealed_only);
  const kl = one.output("kl");
  close("kl.step1", kl_first, kl.step1);
  close("kl.step2", kl_second, kl.step2);
  const { klBeta, klHi, klLo, entropyBeta } = options;
  const weighted = add(mul(kl_first, klBeta * klHi), mul(kl_second, klBeta * klLo));
  close("kl.weighted", weighted, kl.weighted);
  close("entropy.mean", entropy, one.output("entropy").mean);
  compareEntropies(one, check, { student: networks.student, batch, options });
  close("total_loss", loss, one.output("total_loss"));
  const { parameters } = networks.student;
  compareStudentGradients(one, check, {
    total: gradients(loss, parameters),
    policy: gradients(policy, parameters),
    revealed: gradients(only.terms.policy, parameters),
    kl: gradients(weighted, parameters),
    entropy: gradients(mul(entropy, entropyBeta), parameters),
    entropyBeta,
  });
}

/**
 * @param {Networks} networks
 * @param {Batch} batch
 * @param {Parameters<typeof studentLoss>[2]} context
 */
function lossOf(networks, batch, context) {
  const { loss, terms } = studentLoss(networks, batch, context);
  return {
    loss,
    terms: /** @type {Record<"policy" | "entropy" | "kl_first" | "kl_second", Tensor>} */ (terms),
  };
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ student: Network, batch: Batch, options: Options }} work
 */
function compareEntropies(one, check, { student, batch, options }) {
  const states = statesOf(batch);
  const log_NV = noGrad(() => studentLogProbabilities(student, states, { options }));
  const V = Number(log_NV.shape[1]);
  const values = toNumbers(log_NV);
  const entropy = (/** @type {number} */ read) => {
    const row = values.slice(read * V, (read + 1) * V);
    return row.reduce((sum, log) => sum - Math.exp(log) * log, 0);
  };
  const all = Array.from(states.reads, (_, read) => entropy(read));
  const mean = (/** @type {number[]} */ some) => some.reduce((a, b) => a + b, 0) / some.length;
  const { step1, step2 } = one.output("entropy");
  const tolerance = one.tolerance("losses", { rel: 1e-3 });
  check.close("entropy.step1", flat([mean(all.slice(0, states.firstReads))]), flat([step1]), tolerance);
  check.close("entropy.step2", flat([mean(all.slice(states.firstReads))]), flat([step2]), tolerance);
}

/** By parameter. @param {Tensor} loss @param {ReadonlyMap<string, Tensor>} parameters */
function gradients(loss, parameters) {
  const found = grad(loss, [...parameters.values()], { retainGraph: true, allowUnused: true });
  return new Map(
    [...parameters.keys()].map((name, i) => {
      const one = found[i];
      return [name, one === null || one === undefined ? flat([]) : numbersOf(one)];
    }),
  );
}

/**
 * @typedef {Map<string, Numbers>} Gradients
 * @param {Case} one
 * @param {Check} check
 * @param {{ total: Gradients, policy: Gradients, revealed: Gradients, kl: Gradients, entropy: Gradients,
 *   entropyBeta: number }} found
 */
function compareStudentGradients(one, check, { entropyBeta, ...found }) {
  const expected = one.output("gradients_of_student");
  const share = one.json.tolerance?.gradients?.rel_of_tensor_l2_norm ?? 2e-3;
  const whole = (/** @type {Gradients} */ all) => Math.hypot(...[...all.values()].map(normOf));
  for (const [name, norm] of Object.entries(expected.global_l2_norm)) {
    const part = /** @type {keyof typeof found} */ (name);
    // The entropy's is recorded without its weight.
    const scale = name === "entropy" ? 1 / entropyBeta : 1;
    check.close(`‖∂ ${name}‖`, flat([whole(found[part]) * scale]), flat([norm]), { rel: share });
  }
  const of = (/** @type {Gradients} */ all) => (/** @type {string} */ name) => all.get(name) ?? flat([]);
  const { total_l2_norm_per_tensor: norms, total_selected, policy_selected } = expected;
  compareGradients(check, of(found.total), { norms, selected: total_selected, share, label: "∂ total" });
  compareGradients(check, of(found.policy), { selected: policy_selected, share, label: "∂ policy" });
  for (const [name, given] of Object.entries(expected)) {
    const most = /^clip_factor_for_max_norm_([\d.]+)$/.exec(name)?.[1];
    if (most === undefined) continue;
    check.close(name, flat([clipFactor(whole(found.total), Number(most))]), flat([given]), { rel: share });
  }
  // A mask that stays adds a constant: both ways of counting have one gradient.
  for (const [name, policy] of found.policy)
    check.norm(`∂ revealed_only ${name}`, of(found.revealed)(name), policy, share);
}

/**
 * What the corrected teacher (SUBS, sigma 0) gives for each divergence.
 * @param {Case} one
 * @param {Check} check
 * @param {{ networks: Networks, batch: Batch, options: Options }} work
 */
function compareAlternatives(one, check, { networks, batch, options }) {
  if (!one.hasOutput("kl_alternatives")) return;
  const given = one.output("kl_alternatives").teacher_subs_sigma0 ?? {};
  const tolerance = one.tolerance("losses", { rel: 1e-3 });
  for (const [name, expected] of Object.entries(given)) {
    const beta = /beta_([\d.]+)$/.exec(name)?.[1];
    const kl = name.startsWith("forward") ? "forward" : name.startsWith("reverse") ? "reverse" : "jeffrey";
    const corrected = didiOptions({
      ...{ vocabularySize: options.vocabularySize, maskId: options.maskId, kl },
      jeffreyBeta: beta === undefined ? 0.5 : Number(beta),
    });
    const coefficients = new Float64Array(batch.rows * batch.length);
    const { terms } = noGrad(() =>
      lossOf(networks, batch, { options: corrected, totals: countsOf(batch), coefficients }),
    );
    const found = [item(terms.kl_first), item(terms.kl_second)];
    check.close(`kl_alternatives.${name}`, flat(found), flat(expected), tolerance);
  }
}
