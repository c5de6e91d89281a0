// @ts-check
// The discriminator's loss on hidden positions, its gradients, and both for the head's spectral norm in training.

import { backward, gradientOf, item, setGradient } from "../../../../packages/torch/dist/index.js";
import { criticLoss } from "../../../../packages/unmask/dist/distill/didi/critic.js";
import { didiOptions } from "../../../../packages/unmask/dist/distill/didi/options.js";
import { hide } from "../../../../packages/unmask/dist/distill/didi/prepare.js";
import { defaults, numbersOf } from "../mdlm/model.mjs";
import {
  accumulated,
  batchOf,
  clipFactor,
  compareGradients,
  compareTrainable,
  flat,
  hiddenBy,
  idsOf,
  normOf,
  schedule,
  withCritic,
} from "./networks.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../case.mjs").Numbers} Numbers
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("./networks.mjs").Tensor} Tensor
 * @typedef {import("./networks.mjs").Discriminator} Discriminator
 */

/** @type {import("../table.mjs").Runner} */
export function discriminatorLoss(one, check) {
  withCritic(one, (discriminator, trained) => {
    const [rows, length] = /** @type {[number, number]} */ (one.numbers(one.input("real_ids")).shape);
    const maskId = one.input("mask_id");
    const times = Float64Array.from(one.numbers(one.input("tau")).values);
    if (one.json.inputs.alpha !== undefined) {
      const alpha = flat(Array.from(times, (t) => schedule.alpha(t)));
      check.close("alpha", alpha, one.numbers(one.input("alpha")), defaults.time);
    }
    const texts = { times, length, maskId };
    const hidden = {
      real: hiddenBy(one, "corruption_uniforms_real", texts),
      fake: hiddenBy(one, "corruption_uniforms_fake", texts),
    };
    const [positives, written] = [idsOf(one, "real_ids"), idsOf(one, "fake_ids")];
    const batch = batchOf({ rows, length, times, hidden, asked: hidden, positives, texts: written });
    for (const [side, clean] of /** @type {const} */ ([
      ["real", positives],
      ["fake", written],
    ])) {
      const noisy = hide(clean, hidden[side], maskId);
      check.exact(
        `corrupted_${side}`,
        flat(noisy),
        flat(one.numbers(one.output(`corrupted_${side}`)).values),
      );
      const masked = Uint8Array.from(noisy.keys(), (i) => Number(hidden[side].includes(i)));
      check.exact(`masked_${side}`, flat(masked), flat(one.numbers(one.output(`masked_${side}`)).values));
    }
    compareTrainable(discriminator, one, check);
    // Training moves u and v: it goes last.
    for (const mode of ["eval_mode", "train_mode"]) {
      if (!one.hasOutput(mode)) continue;
      compareMode(one, check, { mode, discriminator, trained, batch });
    }
  });
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ mode: string, discriminator: Discriminator, trained: ReadonlyMap<string, Tensor>,
 *   batch: ReturnType<typeof batchOf> }} work
 */
function compareMode(one, check, { mode, discriminator, trained, batch }) {
  const expected = one.output(mode);
  const at = (/** @type {string} */ name) => `${mode}.${name}`;
  /** @type {Numbers[]} */
  const seen = [];
  const watched = {
    parameters: discriminator.parameters,
    logits: (/** @type {Tensor} */ ids_BL, /** @type {any} */ options) => {
      const logits_BL = discriminator.logits(ids_BL, options);
      seen.push(numbersOf(logits_BL));
      return logits_BL;
    },
  };
  const { hidden } = batch;
  const { loss, terms = {} } = criticLoss(watched, batch, {
    options: didiOptions({
      fidelity: "released",
      vocabularySize: discriminator.config.vocabularySize,
      maskId: one.input("mask_id"),
      labelSmoothing: one.argument("label_smoothing", 0.1),
    }),
    totals: totalsOf({ asked_real: hidden.real.length, asked_fake: hidden.fake.length }),
    iterate: mode === "train_mode",
  });
  const logits = one.tolerance("logits", defaults.logits);
  check.close(at("real_logits"), seen[0] ?? flat([]), one.numbers(expected.real_logits), logits);
  check.close(at("fake_logits"), seen[1] ?? flat([]), one.numbers(expected.fake_logits), logits);
  const losses = one.tolerance("losses", { abs: 2e-5 });
  const number = (/** @type {Tensor | number | undefined} */ term) =>
    flat([item(/** @type {Tensor} */ (term))]);
  check.close(at("loss_real"), number(terms.real), flat([expected.loss_real]), losses);
  check.close(at("loss_fake"), number(terms.fake), flat([expected.loss_fake]), losses);
  check.close(at("loss"), number(loss), flat([expected.loss]), losses);
  if (expected.accuracy_over_all_positions !== undefined) {
    const right = [
      ...Array.from(seen[0]?.values ?? [], (logit) => logit > 0),
      ...Array.from(seen[1]?.values ?? [], (logit) => logit < 0),
    ];
    const accuracy = right.filter(Boolean).length / right.length;
    check.close(
      at("accuracy_over_all_positions"),
      flat([accuracy]),
      flat([expected.accuracy_over_all_positions]),
      {
        abs: 1e-6,
      },
    );
  }
  if (expected.gradient === undefined) return;
  backward(loss);
  compareGradient(one, check, { given: expected.gradient, trained, label: `${mode} ∂` });
  for (const [name, parameter] of discriminator.parameters) {
    if (!trained.has(name) && gradientOf(parameter) !== null)
      throw new Error(`"${name}" is frozen and has a gradient`);
  }
  for (const parameter of trained.values()) setGradient(parameter, null);
}

/** @param {Partial<import("../../../../packages/unmask/dist/distill/didi/prepare.js").DidiCounts>} counts */
export const totalsOf = (counts) => ({
  ...{ sequences: 0, open_first: 0, open_second: 0, asked_real: 0, asked_fake: 0 },
  ...counts,
});

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ given: any, trained: ReadonlyMap<string, Tensor>, label: string }} work
 */
function compareGradient(one, check, { given, trained, label }) {
  const share = one.json.tolerance?.gradients?.rel_of_tensor_l2_norm ?? 5e-4;
  const gradient = accumulated(trained);
  compareGradients(check, gradient, {
    ...{ norms: given.l2_norm_per_tensor, selected: given.selected, share, label },
  });
  const norm = Math.hypot(...[...trained.keys()].map((name) => normOf(gradient(name))));
  if (given.global_l2_norm !== undefined) {
    check.close(`‖${label}‖`, flat([norm]), flat([given.global_l2_norm]), { rel: share });
  }
  for (const [name, factor] of Object.entries(given)) {
    const most = /^clip_factor_for_max_norm_([\d.]+)$/.exec(name)?.[1];
    if (most === undefined) continue;
    check.close(`${label} ${name}`, flat([clipFactor(norm, Number(most))]), flat([factor]), { rel: share });
  }
}
