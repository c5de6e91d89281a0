// @ts-check
// The published sampler: one reverse step, and whole runs through unmask's own decoding loop.

import {
  div,
  exp,
  indexSelect,
  noGrad,
  reshape,
  scope,
  select,
  sumDim,
  tensor,
} from "../../../../packages/torch/dist/index.js";
import { newCanvas } from "../../../../packages/unmask/dist/decode/canvas.js";
import { decode } from "../../../../packages/unmask/dist/decode/decode.js";
import {
  ancestral,
  ancestralDecoder,
  ends,
} from "../../../../packages/unmask/dist/decode/policies/ancestral.js";
import { maskColumn } from "../../../../packages/unmask/dist/diffusion/objective.js";
import {
  analyticProbabilities,
  ancestralWeights,
  exponentialRace,
  keepVisible,
  subsLogProbabilities,
} from "../../../../packages/unmask/dist/diffusion/released.js";
import {
  logLinear,
  releasedLastTime,
  revealProbability,
  reverseTimes,
} from "../../../../packages/unmask/dist/diffusion/schedule.js";
import { modelProposer } from "../../../../packages/unmask/dist/propose/propose.js";
import { transitionWeights } from "../../../../packages/unmask/dist/propose/transition.js";
import { defaults, maskIdOf, numbersOf, withNetwork } from "./model.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../case.mjs").Tensor} Tensor
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("../../../../packages/unmask/dist/models/mdlm.js").Mdlm} Mdlm
 * @typedef {import("../../../../packages/unmask/dist/decode/policies/policy.js").Proposer} Proposer
 * @typedef {import("../../../../packages/unmask/dist/decode/policies/policy.js").Request} Request
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
    const times = reverseTimes(steps, one.argument("eps", releasedLastTime));
    if (one.hasOutput("time_grid")) {
      const expected = one.numbers(one.output("time_grid"));
      check.close("time_grid", one.numbers(times), expected, one.tolerance("time_grid", defaults.time));
    }
    const states = await run(one, network);
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
 * The ids after each step: a proposer that draws as the published code does.
 * @param {Case} one
 * @param {Mdlm} network
 */
async function run(one, network) {
  const draws = one.tensor(one.input("uniforms"));
  const [, rows, length] = /** @type {[number, number, number]} */ (draws.shape);
  const maskId = maskIdOf(one, network);
  const forbidden = tensor(maskColumn(network.config.vocabularySize, maskId));
  const canvases = Array.from({ length: rows }, (_, sequence) =>
    newCanvas({ length, noiseId: maskId, sequence }),
  );
  const proposer = modelProposer(network, {
    seed: 0,
    forbidden,
    draw: (probability_NV, requests) => {
      const step = /** @type {Request} */ (requests[0]).canvas.forwards - 1;
      const uniforms_NV = openRows(select(draws, 0, step), requests);
      return exponentialRace(transitionWeights(probability_NV, requests), uniforms_NV);
    },
  });
  const policy = ancestral({
    steps: one.argument("steps", 0),
    seed: 0,
    schedule,
    fidelity: "released",
    end: endOf(one),
    drawsTransition: true,
  });
  const states = [];
  for await (const _ of decode(canvases, proposer, policy))
    states.push(canvases.flatMap(({ ids }) => [...ids]));
  draws.dispose();
  forbidden.dispose();
  return states;
}

/** What the reference calls it. @param {Case} one */
function endOf(one) {
  const predictor = one.argument("predictor", "ancestral");
  const noiseRemoval = one.argument("noise_removal", "none");
  const { aliases, name } = ancestralDecoder;
  if (![name, ...aliases].includes(predictor)) throw new Error(`unknown predictor "${predictor}"`);
  const end = ends.find((known) => known === noiseRemoval);
  if (end === undefined) throw new Error(`unknown noise removal "${noiseRemoval}"`);
  return end;
}

/**
 * The rows of the candidates, of numbers [canvases, length, V].
 * @param {Tensor} numbers
 * @param {readonly Request[]} requests
 */
function openRows(numbers, requests) {
  const [, length, width] = /** @type {[number, number, number]} */ (numbers.shape);
  const rows = requests.flatMap(({ canvas, plan }) =>
    Array.from(plan.candidates, (column) => canvas.sequence * length + column),
  );
  const rows_N = tensor(BigInt64Array.from(rows, BigInt));
  return indexSelect(reshape(numbers, [-1, width]), 0, rows_N);
}
