// @ts-check
// The published sampler: one reverse step, and whole runs through unmask's own decoding loop.

import {
  argmax,
  div,
  exp,
  noGrad,
  reshape,
  scope,
  select,
  sumDim,
  tensor,
  toNumbers,
} from "../../../../packages/torch/dist/index.js";
import { newCanvas } from "../../../../packages/unmask/dist/decode/canvas.js";
import { decode } from "../../../../packages/unmask/dist/decode/decode.js";
import {
  analyticProbabilities,
  ancestralWeights,
  exponentialRace,
  keepVisible,
  releasedLastTime,
  releasedTimes,
  subsLogProbabilities,
} from "../../../../packages/unmask/dist/diffusion/released.js";
import { logLinear, revealProbability } from "../../../../packages/unmask/dist/diffusion/schedule.js";
import { defaults, maskIdOf, numbersOf, withNetwork } from "./model.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../case.mjs").Tensor} Tensor
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("../../../../packages/unmask/dist/models/mdlm.js").Mdlm} Mdlm
 * @typedef {import("../../../../packages/unmask/dist/decode/policies/policy.js").Proposer} Proposer
 * @typedef {import("../../../../packages/unmask/dist/decode/policies/policy.js").Policy} Policy
 */

const schedule = logLinear();

/** @type {import("../table.mjs").Runner} */
export function ancestralStep(one, check) {
  return withNetwork(one, (network) => {
    /** @type {StepRow[]} */
    const rows = one.output("rows");
    rows.forEach((row, i) => {
      scope(() => noGrad(() => compareStep({ one, check, network, row, name: `rows[${i}]` })));
    });
  });
}

/**
 * @typedef {object} StepRow
 * @property {string} [sampler] ancestral unless it says analytic
 * @property {number} t
 * @property {number} s
 * @property {number[][]} x_t
 * @property {unknown} [unnormalised_weights]
 * @property {unknown} transition_probabilities
 * @property {unknown} uniforms
 * @property {number[][]} x_s
 * @property {number} [stay_masked_probability]
 *
 * @param {{ one: Case, check: Check, network: Mdlm, row: StepRow, name: string }} step
 */
function compareStep({ one, check, network, row, name }) {
  const maskId = maskIdOf(one, network);
  const tolerance = one.tolerance("transition_probabilities", defaults.probabilities);
  const ids_BL = one.tensor(row.x_t, "int64");
  const step = { maskId, alphaT: schedule.alpha(row.t), alphaS: schedule.alpha(row.s) };
  const probability_BLV = exp(subsLogProbabilities(network.logits(ids_BL), ids_BL, maskId));
  const exact_BLV = analyticProbabilities(probability_BLV, ids_BL, step);
  const expected = one.numbers(row.transition_probabilities);
  check.close(`${name}.transition_probabilities`, numbersOf(exact_BLV), expected, tolerance);

  const isAnalytic = row.sampler?.includes("analytic") ?? false;
  const weights_BLV = isAnalytic ? exact_BLV : ancestralWeights(probability_BLV, step);
  const masked = Array.from(one.numbers(row.x_t).values, (id) => id === maskId);
  const compareMasked = (
    /** @type {string} */ label,
    /** @type {Tensor} */ found,
    /** @type {unknown} */ given,
  ) =>
    check.close(
      `${name}.${label}`,
      rowsOf(numbersOf(found), masked),
      rowsOf(one.numbers(given), masked),
      tolerance,
    );
  if (row.unnormalised_weights != null)
    compareMasked("unnormalised_weights", weights_BLV, row.unnormalised_weights);
  // The transition again from the weights that the draw uses: normalised, where they mean something.
  if (!isAnalytic) compareMasked("normalised weights", normalised(weights_BLV), row.transition_probabilities);

  const drawn_BL = keepVisible(ids_BL, exponentialRace(weights_BLV, one.tensor(row.uniforms)), maskId);
  check.exact(`${name}.x_s`, numbersOf(drawn_BL), one.numbers(row.x_s));
  if (row.stay_masked_probability === undefined) return;
  const stay = one.numbers(1 - revealProbability(schedule, row.t, row.s));
  check.close(`${name}.stay_masked_probability`, stay, one.numbers(row.stay_masked_probability), tolerance);
}

/**
 * The vocabulary rows of the marked positions.
 * @param {import("../../case.mjs").Numbers} numbers
 * @param {boolean[]} marked
 */
function rowsOf({ values, shape }, marked) {
  const width = Number(shape.at(-1));
  const kept = Array.from(values).filter((_, i) => marked[Math.floor(i / width)]);
  return { values: kept, shape: [kept.length / width, width] };
}

/** @param {Tensor} weights_BLV */
function normalised(weights_BLV) {
  const total_BL1 = sumDim(weights_BLV, -1, { keepdim: true });
  return div(weights_BLV, total_BL1);
}

/** @type {import("../table.mjs").Runner} */
export function samplerRun(one, check) {
  return withNetwork(one, async (network) => {
    const steps = one.argument("steps", 0);
    const times = releasedTimes(steps, one.argument("eps", releasedLastTime));
    if (one.hasOutput("time_grid")) {
      const expected = one.numbers(one.output("time_grid"));
      check.close("time_grid", one.numbers(times), expected, one.tolerance("time_grid", defaults.time));
    }
    const states = await run(one, network, times);
    const width = Number(states[0]?.length);
    /** @type {unknown[]} */
    const expected = one.output("states_after_each_update");
    expected.forEach((state, k) => {
      const found = states[Math.min(k, states.length - 1)] ?? [];
      check.exact(`state ${k + 1}`, flat(found), flat(one.numbers(state).values));
    });
    const final = one.numbers(one.output("final_tokens"));
    check.exact("final_tokens", flat(states.at(-1) ?? []), flat(final.values));
    if (width === 0) throw new Error("the run made no step");
    one.informational("identical_with_caching_sampler");
  });
}

/** @param {ArrayLike<number>} values */
const flat = (values) => ({ values, shape: [values.length] });

/**
 * The ids after each step.
 * @param {Case} one
 * @param {Mdlm} network
 * @param {number[]} times
 */
async function run(one, network, times) {
  const noiseRemoval = one.argument("noise_removal", "none");
  const draws = one.tensor(one.input("uniforms"));
  const [, rows, length] = /** @type {[number, number, number]} */ (draws.shape);
  const maskId = maskIdOf(one, network);
  const canvas = newCanvas({ length, noiseId: maskId, sequences: Array.from({ length: rows }, (_, i) => i) });
  const proposer = releasedProposer(network, { times, draws, maskId, ...wording(one) });
  /** @type {Policy} */
  const policy = {
    name: "released",
    steps: times.length - 1 + (noiseRemoval === "none" ? 0 : 1),
    decide: (_, { token }) => ({ commit: [...token.keys()].filter((i) => token[i] !== maskId) }),
  };
  const states = [];
  for await (const _ of decode(canvas, proposer, policy)) states.push(Int32Array.from(canvas.ids));
  draws.dispose();
  return states;
}

/** The reference's names for what a run does. @param {Case} one */
function wording(one) {
  const predictor = one.argument("predictor", "ancestral");
  const noiseRemoval = one.argument("noise_removal", "none");
  const predictors = ["ancestral", "ancestral_cache", "ddpm", "ddpm_cache", "analytic"];
  if (!predictors.includes(predictor)) throw new Error(`unknown predictor "${predictor}"`);
  if (!["ancestral", "greedy", "none"].includes(noiseRemoval))
    throw new Error(`unknown noise removal "${noiseRemoval}"`);
  return { analytic: predictor === "analytic", greedyEnd: noiseRemoval === "greedy" };
}

/**
 * A proposer that draws as the published code does; the mask as a token means that the position stays open.
 * @param {Mdlm} network
 * @param {{ times: number[], draws: Tensor, maskId: number, analytic: boolean, greedyEnd: boolean }} options
 * @returns {Proposer}
 */
function releasedProposer(network, { times, draws, maskId, analytic, greedyEnd }) {
  /** @type {(ids_BL: Tensor, step: number) => Tensor} */
  const drawn = (ids_BL, step) => {
    const probability_BLV = exp(subsLogProbabilities(network.logits(ids_BL), ids_BL, maskId));
    const isEnd = step === times.length - 1;
    if (isEnd && greedyEnd) return argmax(probability_BLV, { dim: -1 });
    const alphas = {
      maskId,
      alphaT: schedule.alpha(Number(times[step])),
      alphaS: isEnd ? 1 : schedule.alpha(Number(times[step + 1])),
    };
    const weights_BLV = analytic
      ? analyticProbabilities(probability_BLV, ids_BL, alphas)
      : ancestralWeights(probability_BLV, alphas);
    return exponentialRace(weights_BLV, select(draws, 0, step));
  };
  return {
    propose(canvas, step) {
      const tokens = scope(() =>
        noGrad(() => {
          const ids_BL = tensor(BigInt64Array.from(canvas.ids, BigInt), [canvas.rows, canvas.length]);
          return toNumbers(reshape(drawn(ids_BL, step), [-1]));
        }),
      );
      const positions = Int32Array.from(canvas.open.keys()).filter((at) => canvas.open[at] === 1);
      const unused = new Float32Array(positions.length);
      const token = positions.map((at) => Number(tokens[at]));
      return { positions, token, probability: unused, entropy: unused, margin: unused };
    },
  };
}
