// @ts-check
// Guided sampling through unmask's own loop: one tilted step, one choice among drawn texts, and a whole run.

import {
  add,
  clamp,
  div,
  indexSelect,
  mul,
  noGrad,
  reshape,
  scope,
  softmax,
  sumDim,
  tensor,
  toNumbers,
} from "../../../../packages/torch/dist/index.js";
import { idsAfter } from "../../../../packages/unmask/dist/decode/commit.js";
import { decode } from "../../../../packages/unmask/dist/decode/decode.js";
import { wholeCanvas } from "../../../../packages/unmask/dist/decode/policies/ancestral.js";
import { rewardGuided } from "../../../../packages/unmask/dist/decode/policies/reward-guided.js";
import { releasedLastTime, reverseTimes } from "../../../../packages/unmask/dist/diffusion/schedule.js";
import { modelProposer } from "../../../../packages/unmask/dist/propose/propose.js";
import { rewardGradient, rewardGuidance } from "../../../../packages/unmask/dist/propose/reward-guidance.js";
import { transitionWeights } from "../../../../packages/unmask/dist/propose/transition.js";
import { defaults, numbersOf } from "../mdlm/model.mjs";
import { canvasesOf, noiseOf, oneStep, schedule, withModels } from "./one-step.mjs";
import { chances, chosenBy, openRows, race } from "./reference-draws.mjs";

/**
 * @typedef {import("../../case.mjs").Case} Case
 * @typedef {import("../../case.mjs").Tensor} Tensor
 * @typedef {import("../../compare.mjs").Check} Check
 * @typedef {import("../../../../packages/unmask/dist/decode/canvas.js").Canvas} Canvas
 * @typedef {import("../../../../packages/unmask/dist/decode/policies/policy.js").Plan} Plan
 * @typedef {import("./one-step.mjs").Models} Models
 */

/** @param {ArrayLike<number>} values */
const flat = (values) => ({ values, shape: [values.length] });

/** @type {import("../table.mjs").Runner} */
export function tiltStep(one, check) {
  return withModels(one, async ({ network, discriminator }) => {
    const canvases = canvasesOf(one.input("x_t"), one.input("mask_id"));
    const noise = noiseOf(one);
    const scale = one.argument("h", 0);
    const uniforms = one.tensor(one.input("uniforms"));
    const { guide } = rewardGuidance(discriminator, { seed: 0 });
    const sigmas = Array.from(canvases, () => noise.before);
    check.close("sigma", flat(sigmas), one.numbers(one.input("sigma")), defaults.time);
    scope(() => noGrad(() => compareTilt(one, check, { network, discriminator, canvases, noise, scale })));
    const proposer = modelProposer(network, {
      seed: 0,
      tellsNoise: true,
      guide,
      draw: (probability_NV, requests) => race(probability_NV, requests, uniforms),
    });
    const policy = oneStep(noise, { rewardScale: scale });
    for await (const _ of decode(canvases, proposer, policy));
    check.exact("x_next", flat(canvases.flatMap(({ ids }) => [...ids])), flattened(one, "x_next"));
    const spent = canvases.flatMap(({ forwards, rewarded }) => [
      forwards,
      rewarded.forwards,
      rewarded.backwards,
    ]);
    check.exact("forwards", flat(spent), flat(canvases.flatMap(() => [1, 1, 1])));
    uniforms.dispose();
  });
}

/** @param {Case} one @param {string} name */
const flattened = (one, name) => flat(one.numbers(one.output(name)).values);

/**
 * What a tilt is made of.
 * @param {Case} one
 * @param {Check} check
 * @param {Models & { canvases: Canvas[], noise: Plan["noise"] & {}, scale: number }} step
 */
function compareTilt(one, check, { network, discriminator, canvases, noise, scale }) {
  const requests = canvases.map((canvas) => ({
    canvas,
    plan: wholeCanvas(canvas, { noise, revealProbability: 0, greedy: false }),
  }));
  const ids_RL = one.tensor(one.input("x_t"), "int64");
  const [R, L] = /** @type {[number, number]} */ (ids_RL.shape);
  const sigma_B = tensor(Float32Array.from({ length: R }, () => noise.before));
  const logits_RLV = network.logits(ids_RL, undefined, { sigma_B });
  const logits = one.numbers(one.output("student_logits"));
  check.close(
    "student_logits",
    numbersOf(logits_RLV),
    logits,
    one.tolerance("student_logits", defaults.logits),
  );

  const V = Number(logits_RLV.shape.at(-1));
  const rows = requests.flatMap(({ canvas, plan }) =>
    Array.from(plan.candidates, (column) => canvas.sequence * L + column),
  );
  const rows_N = tensor(BigInt64Array.from(rows, BigInt));
  const open = (/** @type {Tensor} */ numbers) => openRows(reshape(numbers, [R * L, V]), requests);
  // The recorded logits: the gradient of ours differs by the curvature times the rounding between them.
  const logits_NV = open(one.tensor(one.output("student_logits")));
  /** @type {import("../../case.mjs").Numbers[]} */
  const scores = [];
  const watched = {
    logits: (/** @type {Tensor} */ input, /** @type {{ sigma_B: Tensor }} */ options) => {
      const score_BL = discriminator.logits(input, options);
      scores.push(numbersOf(score_BL));
      return score_BL;
    },
  };
  const gradient_NV = rewardGradient(watched, { ids_RL, rows_N, logits_NV, requests }, {});
  const given = one.tensor(one.output("reward_gradient"));
  check.close(
    "reward_gradient",
    numbersOf(gradient_NV),
    numbersOf(open(given)),
    one.tolerance("reward_gradient", { abs: 1e-6, rel: 1e-3 }),
  );
  const steepest = Math.max(...Array.from(toNumbers(gradient_NV), Math.abs));
  check.close("largest_abs_gradient", flat([steepest]), flat([one.output("largest_abs_gradient")]), {
    rel: 1e-3,
  });
  const [score = flat([])] = scores;
  const expected = one.numbers(one.output("discriminator_scores"));
  check.close("discriminator_scores", score, expected, one.tolerance("scores", { abs: 5e-4 }));
  const reward = rows.reduce((sum, row) => sum + Number(score.values[row]), 0);
  check.close(
    "summed_reward_over_masked",
    flat([reward]),
    flat([one.output("summed_reward_over_masked")]),
    one.tolerance("scores", { abs: 5e-4 }),
  );

  const tilted_NV = add(logits_NV, mul(clamp(gradient_NV, { min: -1, max: 1 }), scale));
  const probability_NV = softmax(tilted_NV, -1);
  const tolerance = one.tolerance("probabilities", defaults.probabilities);
  const first = toNumbers(indexSelect(probability_NV, 0, tensor(BigInt64Array.of(0n))));
  check.close(
    "tilted_probabilities_at_first_masked_position",
    flat(first),
    flattened(one, "tilted_probabilities_at_first_masked_position"),
    tolerance,
  );
  const weights_NV = transitionWeights(probability_NV, requests);
  const normal_NV = div(weights_NV, sumDim(weights_NV, -1, { keepdim: true }));
  const transition = one.tensor(one.output("transition_probabilities"));
  check.close("transition_probabilities", numbersOf(normal_NV), numbersOf(open(transition)), tolerance);
}

/** @type {import("../table.mjs").Runner} */
export function rerankStep(one, check) {
  return withModels(one, async ({ network, discriminator }) => {
    const canvases = canvasesOf(one.input("x_t"), one.input("mask_id"));
    const noise = noiseOf(one);
    const draws = one.argument("M", 1);
    const uniforms = one.tensor(one.input("candidate_uniforms"));
    const choices = one.numbers(one.input("choice_uniforms")).values;
    const chances_ = one.tolerance("choice_probabilities", defaults.probabilities);
    const { judge } = rewardGuidance(discriminator, {
      seed: 0,
      choose(scores, question) {
        const { sequence } = question.canvas;
        const texts = question.alternatives.flatMap((decision) => [
          ...idsAfter(question.canvas, question.proposal, decision),
        ]);
        check.exact("candidates", flat(texts), flattened(one, "candidates"));
        const tolerance = one.tolerance("scores", { abs: 5e-4 });
        check.close("candidate_scores", flat(scores), flattened(one, "candidate_scores"), tolerance);
        check.close(
          "choice_probabilities",
          flat(chances(scores)),
          flattened(one, "choice_probabilities"),
          chances_,
        );
        const chosen = chosenBy(scores, Array.from(choices).slice(sequence * draws));
        check.exact("chosen", flat([chosen]), flattened(one, "chosen"));
        return chosen;
      },
    });
    check.close("sigma_for_scoring", flat([noise.after]), flattened(one, "sigma_for_scoring"), defaults.time);
    const sigma_B = tensor([noise.before]);
    const ids_RL = one.tensor(one.input("x_t"), "int64");
    const logits = numbersOf(noGrad(() => network.logits(ids_RL, undefined, { sigma_B })));
    const expected = one.numbers(one.output("student_logits"));
    check.close("student_logits", logits, expected, one.tolerance("student_logits", defaults.logits));
    const proposer = modelProposer(network, {
      seed: 0,
      tellsNoise: true,
      draw: (probability_NV, requests) => race(probability_NV, requests, uniforms),
    });
    const policy = oneStep(noise, { rewardScale: 1, draws });
    for await (const _ of decode(canvases, proposer, policy, { judge }));
    check.exact("x_next", flat(canvases.flatMap(({ ids }) => [...ids])), flattened(one, "x_next"));
    const spent = canvases.flatMap(({ forwards, rewarded }) => [
      forwards,
      rewarded.forwards,
      rewarded.backwards,
    ]);
    check.exact("forwards", flat(spent), flat(canvases.flatMap(() => [1, draws, 0])));
    uniforms.dispose();
  });
}

/** @type {import("../table.mjs").Runner} */
export function fullRun(one, check) {
  return withModels(one, async ({ network, discriminator }) => {
    const uniforms = one
      .input("uniforms_in_call_order")
      .map((/** @type {unknown} */ given) => one.tensor(given));
    const next = () => {
      const given = uniforms.shift();
      if (given === undefined) throw new Error("the run draws more often than the reference");
      return given;
    };
    const [batch, length, V] = uniforms[0].shape;
    const steps = one.argument("steps", 1);
    const canvases = canvasesOf(
      Array.from({ length: batch }, () => Array(length).fill(V - 1)),
      V - 1,
    );
    const policy = rewardGuided({
      steps,
      seed: 0,
      schedule,
      fidelity: "released",
      drawsTransition: true,
      version: "2025-10",
      candidates: one.argument("num_candidates", 4),
      scaleStart: one.argument("guidance_scale_start", 30),
      scaleEnd: one.argument("guidance_scale_end", 40),
      rerankRatio: one.argument("rerank_steps_ratio", 0.5),
    });
    const reward = rewardGuidance(discriminator, {
      seed: 0,
      choose: (scores) => chosenBy(scores, toNumbers(next())),
    });
    const proposer = modelProposer(network, {
      seed: 0,
      tellsNoise: true,
      guide: reward.guide,
      draw: (probability_NV, requests) => race(probability_NV, requests, next()),
    });
    const times = reverseTimes(steps, one.argument("eps", releasedLastTime));
    check.close("time_grid", flat(times), flattened(one, "time_grid"), defaults.time);
    /** @type {number[]} */
    const parts = [];
    /** @type {number[][]} */
    const states = [];
    for await (const [done] of decode(canvases, proposer, policy, reward)) {
      const { rewardScale = 0, draws = 1 } = done?.plan ?? {};
      parts.push(draws > 1 ? 0 : rewardScale, draws);
      states.push(canvases.flatMap(({ ids }) => [...ids]));
    }
    const given = flattened(one, "h_and_M_per_step");
    check.exact("h_and_M_per_step", flat(parts.slice(0, 2 * steps)), given);
    /** @type {unknown[]} */
    const expected = one.output("states_after_each_step");
    expected.forEach((state, k) => {
      check.exact(`state ${k + 1}`, flat(states[k] ?? []), flat(one.numbers(state).values));
    });
    check.exact("final_tokens", flat(states.at(-1) ?? []), flattened(one, "final_tokens"));
  });
}
