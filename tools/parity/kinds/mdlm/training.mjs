// @ts-check
// Noise, times, the loss with its gradients, and averaged weights.

import {
  backward,
  item,
  mul,
  scope,
  setRequiresGrad,
  tensor,
} from "../../../../packages/torch/dist/index.js";
import { absorb } from "../../../../packages/unmask/dist/diffusion/corrupt.js";
import { maskColumn, nelbo } from "../../../../packages/unmask/dist/diffusion/objective.js";
import { logLinear, nelboWeight, sigma } from "../../../../packages/unmask/dist/diffusion/schedule.js";
import { smallestTime, stratifiedTime } from "../../../../packages/unmask/dist/diffusion/time.js";
import { compareGradients } from "../network/gradients.mjs";
import { averages } from "./averages.mjs";
import { defaults, maskIdOf, numbersOf, withNetwork } from "./model.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("../../../../packages/unmask/dist/models/mdlm.js").Mdlm} Mdlm
 */

/** The reference computes alpha in float32; three roundings near 1 come to at most this. */
const alphaRounding = 2 ** -24;

/** @type {import("../table.mjs").Runner} */
export function noiseSchedule(one, check) {
  const schedule = logLinear(one.json.inputs.eps ?? undefined);
  const { values: times, shape } = one.numbers(one.input("t"));
  const tolerance = one.tolerance("schedule", { rel: 1e-5 });
  const alpha = (/** @type {number} */ t) => schedule.alpha(t);
  const slope = schedule.alphaDerivative(0.5);
  const sigmaOf = (/** @type {number} */ t) => sigma(schedule, t);
  const move = (/** @type {number} */ t) => 1 - alpha(t);
  const weight = (/** @type {number} */ t) => nelboWeight(schedule, t);
  const rate = (/** @type {number} */ t) => -slope / alpha(t);
  // Each with what a rounding of alpha does to it: the derivative by alpha times the rounding.
  /** @type {[string, (t: number) => number, (t: number) => number][]} */
  const quantities = [
    ["alpha", alpha, () => 1],
    ["alpha_derivative", () => slope, () => 0],
    ["sigma_minus_log_alpha", sigmaOf, (t) => 1 / alpha(t)],
    ["sigma_mdlm_log1p_form", sigmaOf, (t) => 1 / alpha(t)],
    ["dsigma_dt_mdlm", rate, (t) => rate(t) / alpha(t)],
    ["move_chance_mdlm", move, () => 1],
    ["nelbo_weight", weight, (t) => weight(t) / move(t)],
    ["nelbo_weight_mdlm", weight, (t) => weight(t) / move(t)],
  ];
  for (const [name, formula, sensitivity] of quantities) {
    if (!one.hasOutput(name)) continue;
    const output = one.output(name);
    const given = Array.isArray(output) ? output : Array.from(times, () => output);
    const kept = Array.from(times, (_, i) => i).filter((i) => given[i] !== null); // null: infinite at t = 0
    const at = (/** @type {number} */ i) => Number(times[kept[i] ?? 0]);
    const expected = one.numbers(kept.map((i) => given[i]));
    const found = { values: kept.map((_, i) => formula(at(i))), shape: expected.shape };
    if (kept.length === times.length && Array.isArray(output)) found.shape = shape;
    const allowance = (/** @type {number} */ i) => sensitivity(at(i)) * alphaRounding;
    check.close(name, found, expected, { ...tolerance, allowance });
  }
}

/**
 * @typedef {object} TimeRow
 * @property {number} n size of the global batch
 * @property {string} mode
 * @property {number[]} uniforms one for each example of the global batch
 * @property {number[]} [t]
 * @property {{ accumulation_step: number, t: number[] }[]} [slices] what this device holds
 */

/** @type {import("../table.mjs").Runner} */
export function stratifiedTimes(one, check) {
  const smallest = one.argument("sampling_eps", smallestTime);
  const tolerance = one.tolerance("t", defaults.time);
  /** @type {TimeRow[]} */
  const rows = one.output("rows");
  rows.forEach(({ n, mode, uniforms, t, slices = [] }, i) => {
    const stratified = !mode.includes("not stratified");
    const times = uniforms.map((uniform, place) =>
      stratified
        ? stratifiedTime(place, n, uniform, { smallest })
        : stratifiedTime(0, 1, uniform, { smallest }),
    );
    const compare = (
      /** @type {string} */ name,
      /** @type {number[]} */ found,
      /** @type {number[]} */ given,
    ) => check.close(name, one.numbers(found), one.numbers(given), tolerance);
    if (t !== undefined) compare(`rows[${i}].t`, times, t);
    for (const { accumulation_step: step, t: part } of slices) {
      const first = firstPlace(mode, n) + step * part.length;
      compare(`rows[${i}].slices[${step}]`, times.slice(first, first + part.length), part);
    }
  });
}

/**
 * First place in the global batch of the device that a mode describes: "… on 1 node x 2 devices x 2 accumulation
 * steps, this is device 1". Nodes, devices and accumulation steps take contiguous parts.
 * @param {string} mode
 * @param {number} count
 */
function firstPlace(mode, count) {
  const number = (/** @type {RegExp} */ pattern) => {
    const found = pattern.exec(mode)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const devices = number(/(\d+) devices?\b/);
  const nodes = number(/(\d+) nodes?\b/) ?? 1;
  if (devices === undefined) throw new Error(`cannot tell from "${mode}" how the batch is divided`);
  const device = number(/\bdevice (\d+)/) ?? 0;
  const node = number(/\bnode (\d+)/) ?? 0;
  return (count / nodes / devices) * (node * devices + device);
}

/** @type {import("../table.mjs").Runner} */
export function nelboLoss(one, check) {
  if (one.argument("T", 0) > 0) throw new Error("T > 0 asks for discrete times, which unmask does not have");
  return withNetwork(one, (network) => {
    for (const parameter of network.parameters.values()) setRequiresGrad(parameter, true);
    scope(() => compareLoss(one, check, network));
    if (one.hasOutput("gradient_of_mean_loss"))
      compareGradients(one, check, { network, expected: one.output("gradient_of_mean_loss") });
    one.informational("float32_vs_float64_gradient_max_rel_norm_error"); // how far the reference is from itself
  });
}

/** @param {Case} one */
function timesOf(one) {
  const smallest = one.argument("sampling_eps", smallestTime);
  const { values } = one.numbers(one.input("time_uniforms"));
  const stratified = one.argument("stratified", true);
  return Array.from(values, (uniform, i) =>
    stratified
      ? stratifiedTime(i, values.length, uniform, { smallest })
      : stratifiedTime(0, 1, uniform, { smallest }),
  );
}

/**
 * Corruption, loss, and its gradient (left in the parameters).
 * @param {Case} one
 * @param {Check} check
 * @param {Mdlm} network
 */
function compareLoss(one, check, network) {
  const schedule = logLinear();
  const clean = one.numbers(one.input("x0"));
  const [rows, length] = /** @type {[number, number]} */ (clean.shape);
  const maskId = maskIdOf(one, network);
  const times = timesOf(one);
  check.close("t", one.numbers(times), one.numbers(one.output("t")), one.tolerance("t", defaults.time));
  const {
    ids,
    positions,
    rows: rowOf,
  } = absorb(Int32Array.from(clean.values), length, {
    maskId,
    probabilities: times.map((t) => 1 - schedule.alpha(t)),
    uniforms: one.numbers(one.input("mask_uniforms")).values,
  });
  check.exact("xt", { values: ids, shape: [rows, length] }, one.numbers(one.output("xt")));

  const counted = one.numbers(one.json.inputs.loss_mask ?? Array(rows).fill(Array(length).fill(1))).values;
  const tokens = Array.from(counted).reduce((sum, one) => sum + one, 0);
  const weightOf = Array.from(rowOf, (row) => nelboWeight(schedule, Number(times[row])));
  const weights = weightOf.map((weight, i) => (weight * Number(counted[Number(positions[i])])) / tokens);
  const int64 = (/** @type {Int32Array} */ values) => BigInt64Array.from(values, BigInt);
  const logits_NV = network.logits(tensor(int64(ids), [rows, length]), tensor(int64(positions)));
  const { loss, losses_N } = nelbo(logits_NV, tensor(maskColumn(network.config.vocabularySize, maskId)), {
    targets_N: tensor(int64(positions.map((flat) => Number(clean.values[flat])))),
    weights_N: tensor(Float32Array.from(weights)),
  });
  backward(loss);

  const perToken = new Float64Array(rows * length);
  numbersOf(mul(losses_N, tensor(Float32Array.from(weightOf)))).values.forEach((value, i) => {
    perToken[Number(positions[i])] = value;
  });
  compareTotals(one, check, { mean: item(loss), tokens, perToken, shape: [rows, length] });
}

/**
 * @param {Case} one
 * @param {Check} check
 * @param {{ mean: number, tokens: number, perToken: Float64Array, shape: number[] }} found
 */
function compareTotals(one, check, { mean, tokens, perToken, shape }) {
  const scalar = one.tolerance("mean_loss", defaults.loss);
  const totals = { mean_loss: mean, float64_mean_loss: mean, sum_loss: mean * tokens };
  for (const [name, value] of Object.entries(totals)) {
    if (one.hasOutput(name)) check.close(name, one.numbers(value), one.numbers(one.output(name)), scalar);
  }
  if (one.hasOutput("token_count"))
    check.exact("token_count", one.numbers(tokens), one.numbers(one.output("token_count")));
  if (!one.hasOutput("per_token_loss")) return;
  const tolerance = one.tolerance("per_token_loss", { abs: 2e-3, rel: 2e-5 });
  check.close(
    "per_token_loss",
    { values: perToken, shape },
    one.numbers(one.output("per_token_loss")),
    tolerance,
  );
}

/** @type {import("../table.mjs").Runner} */
export function ema(one, check) {
  const tolerance = one.tolerance("ema", { abs: 1e-6 });
  /** @type {unknown[][]} */
  const values = one.input("parameter_values");
  /** @type {{ decay: number, use_num_updates: boolean, correct_single_update_mdlm_repo: unknown[][] }[]} */
  const rows = one.output("rows");
  rows.forEach(({ decay, use_num_updates: warmUp, correct_single_update_mdlm_repo: expected }, i) => {
    const found = averages(values, { decay, warmUp });
    expected.forEach((parameters, k) => {
      parameters.forEach((value, p) => {
        const name = `rows[${i}] update ${k + 1} parameter ${p}`;
        check.close(name, found[k]?.[p] ?? { values: [], shape: [0] }, one.numbers(value), tolerance);
      });
    });
  });
  one.notes.push(
    "known deviation: didi_repo_double_update is a defect of that repository and not reproduced",
  );
}
