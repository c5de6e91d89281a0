// Reward-guided ancestral sampling of DiDi-Instruct: a discriminator's logits, high for the data's text, pull the
// student's steps towards it. policies/reward-guided.ts says which step does what.
//
//   tilt     z ← z + h · clamp(∂r/∂z, −1, 1), with r the sum of the discriminator's logits over the open columns of
//            the text in which these hold the mixtures softmax(z) E, at the noise level before the step
//   choice   among M drawn texts, j ~ softmax(h · score), with score the sum of the discriminator's logits over all
//            columns of a text, at the noise level after the step
//
// Gradients go to z alone: nothing is accumulated in the discriminator's parameters. (The published code does that.)
// Reference: haoyangzheng-ai/didi-instruct 7825a02, algo.py, reward_guided_ancestral_step.
//
// Letters: R sequences of one forward, L columns, N open columns, V vocabulary, M alternatives.

import {
  add,
  clamp,
  detach,
  enableGrad,
  full,
  grad,
  indexCopy_,
  indexSelect,
  lt,
  maskedFill,
  mul,
  noGrad,
  type ProductDtype,
  reshape,
  scatter,
  scope,
  setRequiresGrad,
  sum,
  sumDim,
  type Tensor,
  tensor,
  toNumbers,
  zeros,
} from "@unmask/torch";
import { invariant } from "../base/errors.ts";
import { streams, uniform } from "../base/rng.ts";
import { idsAfter } from "../decode/commit.ts";
import type { Judge, Question, Request } from "../decode/policies/policy.ts";
import type { Guide } from "./propose.ts";

/** What guidance needs of a discriminator: float [B, L] of ids int64 [B, L], or of logits [B, L, V] for soft columns. */
export interface RewardNetwork {
  logits(input: Tensor, options: { sigma_B: Tensor; products?: ProductDtype | undefined }): Tensor;
}

export interface RewardOptions {
  readonly seed: number;
  /** As the proposer's; without it the mask takes part in the mixtures, as published. */
  readonly forbidden?: Tensor | undefined;
  readonly products?: ProductDtype | undefined;
  /** Chooses from a question's scores instead: the reference's own random numbers, for parity. */
  readonly choose?: ((scores: readonly number[], question: Question) => number) | undefined;
}

/** A logit that leaves nothing to the other tokens. */
const certain = 1e9;
const removed = -1e30;
const steepest = 1;

/** The guide for a proposer and the judge for the loop. */
export function rewardGuidance(
  discriminator: RewardNetwork,
  options: RewardOptions,
): { guide: Guide; judge: Judge } {
  return {
    guide: tilt(discriminator, options),
    judge: (questions) => questions.map((question) => choose(discriminator, question, options)),
  };
}

/** Whether a forward is tilted: where there are alternatives the reward chooses among them instead. */
const scaleOf = ({ plan }: Request): number => (plan.draws === undefined ? (plan.rewardScale ?? 0) : 0);

function tilt(discriminator: RewardNetwork, options: RewardOptions): Guide {
  return ({ network, ids_RL, rows_N, requests, options: forward }) => {
    const logits_NV = network.logits(ids_RL, rows_N, forward);
    if (requests.every((request) => scaleOf(request) === 0)) return logits_NV;
    const scales = requests.flatMap((request) => Array.from(request.plan.candidates, () => scaleOf(request)));
    for (const { canvas } of requests) {
      canvas.rewarded.forwards++;
      canvas.rewarded.backwards++;
    }
    const gradient_NV = rewardGradient(discriminator, { ids_RL, rows_N, logits_NV, requests }, options);
    const scale_N1 = tensor(Float32Array.from(scales), [scales.length, 1], { device: logits_NV.device });
    return add(logits_NV, mul(clamp(gradient_NV, { min: -steepest, max: steepest }), scale_N1));
  };
}

export interface Mixture {
  readonly ids_RL: Tensor;
  /** Open columns in the flattened R · L, and the logits of what they may hold. */
  readonly rows_N: Tensor;
  readonly logits_NV: Tensor;
  readonly requests: readonly Request[];
}

/** ∂/∂logits [N, V] of the discriminator's logits, summed over the open columns. */
export function rewardGradient(
  discriminator: RewardNetwork,
  { ids_RL, rows_N, logits_NV, requests }: Mixture,
  { forbidden, products }: Pick<RewardOptions, "forbidden" | "products">,
): Tensor {
  const [R, L] = ids_RL.shape as [number, number];
  const V = logits_NV.shape[1]!;
  const like = { dtype: logits_NV.dtype, device: logits_NV.device };
  return scope(() =>
    enableGrad(() => {
      const leaf_NV = setRequiresGrad(detach(logits_NV), true);
      const open_NV = forbidden === undefined ? leaf_NV : maskedFill(leaf_NV, lt(forbidden, 0), removed);
      const ids_1 = reshape(ids_RL, [R * L, 1]);
      const fixed = scatter(zeros([R * L, V], like), 1, ids_1, full([R * L, 1], certain, like));
      const soft_RLV = reshape(indexCopy_(fixed, 0, rows_N, open_NV), [R, L, V]);
      const sigma_B = sigmas(
        requests.map(({ plan }) => plan.noise?.before),
        soft_RLV,
      );
      const score_RL = discriminator.logits(soft_RLV, { sigma_B, products });
      const reward = sum(indexSelect(reshape(score_RL, [R * L]), 0, rows_N));
      return grad(reward, [leaf_NV])[0]!;
    }),
  );
}

function sigmas(levels: readonly (number | undefined)[], like: Tensor): Tensor {
  const values = levels.map((level) => {
    invariant(level !== undefined, "a reward is asked at a noise level");
    return level;
  });
  return tensor(Float32Array.from(values), undefined, { device: like.device });
}

function choose(discriminator: RewardNetwork, question: Question, options: RewardOptions): number {
  const { canvas, plan, alternatives } = question;
  const scores = scoresOf(discriminator, question, options);
  if (options.choose !== undefined) return options.choose(scores, question);
  const { seed } = options;
  // Behind the numbers that the alternatives' reveals use.
  const position = alternatives.length * canvas.length;
  const source = { seed, stream: streams.reveal };
  const draw = uniform(source, canvas.sequence, canvas.forwards - 1, position);
  return drawSoftmax(
    scores.map((score) => score * (plan.rewardScale ?? 1)),
    draw,
  );
}

/** The discriminator's logits of each alternative, summed over all columns. */
export function scoresOf(
  discriminator: RewardNetwork,
  { canvas, plan, proposal, alternatives }: Question,
  { forbidden, products }: Pick<RewardOptions, "forbidden" | "products">,
): number[] {
  const M = alternatives.length;
  const ids = new Int32Array(M * canvas.length);
  alternatives.forEach((decision, j) => {
    ids.set(idsAfter(canvas, proposal, decision), j * canvas.length);
  });
  canvas.rewarded.forwards += M;
  return scope(() =>
    noGrad(() => {
      const device = forbidden?.device;
      const ids_ML = tensor(ids, [M, canvas.length], { dtype: "int64", device });
      const sigma_B = sigmas(Array<number | undefined>(M).fill(plan.noise?.after), ids_ML);
      return toNumbers(sumDim(discriminator.logits(ids_ML, { sigma_B, products }), -1));
    }),
  );
}

/** Index drawn from the softmax of the scores. */
export function drawSoftmax(scores: readonly number[], draw: number): number {
  const largest = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - largest));
  let left = draw * weights.reduce((a, b) => a + b, 0);
  const index = weights.findIndex((weight) => {
    left -= weight;
    return left < 0;
  });
  return index < 0 ? weights.length - 1 : index;
}
