// Reward-guided ancestral sampling (DiDi-Instruct §4): ancestral steps that a discriminator guides. Of N steps
//   the first K = ⌊N (1 − rerank_steps_ratio)⌋ tilt the logits along the reward's gradient, with a scale h that grows
//   the others draw M texts and choose one by its reward
// reward-guidance.ts does both. With scale 0 and one candidate this is plain ancestral sampling, draw for draw.
//
// Two published versions differ:
//   2025-10   h goes from its start to its end over the K steps; the choice is softmax(score)
//   2026-02   h goes over all N steps; the choice is softmax(h · score), near an argmax
// The paper describes the first. `released` fidelity of it also tells the student the noise level, which it was never
// trained with, lets the mask take part in the softmax, stops at t = 1e-5, and spends one more, unguided forward.
//
// Cost: a tilt is one forward of the student, one of the discriminator on soft input, and a backward pass through it;
// a choice is one forward of the student and M of the discriminator. The canvas counts both apart (`forwards`,
// `rewarded`): published numbers of function evaluations count the student's alone.

import { logLinear } from "../../diffusion/schedule.ts";
import { isFinished } from "../canvas.ts";
import { type DecodeFacts, type Decoder, type OptionSpec, whyNotFullView } from "../decoder.ts";
import {
  type AncestralOptions,
  ancestralSettings,
  decideStep,
  type End,
  type ReverseStep,
  reverseSteps,
  wholeCanvas,
} from "./ancestral.ts";
import type { Plan, Policy } from "./policy.ts";

export const rewardVersions = ["2025-10", "2026-02"] as const;

export interface RewardGuidedOptions extends AncestralOptions {
  readonly version: (typeof rewardVersions)[number];
  readonly candidates: number;
  readonly scaleStart: number;
  readonly scaleEnd: number;
  readonly rerankRatio: number;
}

/** How a reward takes part in a step. */
type Part = Pick<Plan, "rewardScale" | "draws">;

export function rewardGuided(options: RewardGuidedOptions): Policy {
  const steps = reverseSteps(options);
  const parts = steps.map((_, k) => partOf(k, options));
  return {
    name: "reward_guided",
    limit: () => steps.length,
    start(canvas) {
      let next = 0;
      return {
        plan() {
          if (next === steps.length || isFinished(canvas)) return undefined;
          next++;
          return { ...wholeCanvas(canvas, steps[next - 1] as ReverseStep), ...parts[next - 1] };
        },
        decide(proposal) {
          const context = { ...options, step: steps[next - 1]!, index: next - 1 };
          const { draws } = parts[next - 1]!;
          if (draws === undefined) return decideStep(canvas, proposal, context);
          const alternatives = Array.from({ length: draws }, (_, draw) =>
            decideStep(canvas, proposal, { ...context, draw }),
          );
          return { commit: [], alternatives };
        },
      };
    },
  };
}

/** Step k of N; the step behind them that removes what noise is left is not guided. */
function partOf(k: number, options: RewardGuidedOptions): Part {
  const { steps: N, version, candidates, rerankRatio } = options;
  if (k >= N) return {};
  const tilts = tiltSteps(N, rerankRatio);
  const isTilt = k < tilts;
  if (!isTilt && candidates === 1) return {};
  if (version === "2025-10") {
    return isTilt ? { rewardScale: scaleAt(k, tilts, options) } : { rewardScale: 1, draws: candidates };
  }
  const rewardScale = scaleAt(k, N, options);
  return isTilt ? { rewardScale } : { rewardScale, draws: candidates };
}

/** K: how many of N steps tilt. */
export const tiltSteps = (steps: number, rerankRatio: number): number =>
  Math.floor(steps * (1 - rerankRatio));

function scaleAt(k: number, count: number, { scaleStart, scaleEnd }: RewardGuidedOptions): number {
  return scaleStart + (scaleEnd - scaleStart) * (k / Math.max(1, count - 1));
}

const { steps, noise_removal } = ancestralSettings;
const options = {
  steps,
  noise_removal,
  num_candidates: {
    kind: "integer",
    default: 4,
    min: 1,
    doc: "Texts that a late step draws and the reward chooses from.",
  },
  guidance_scale_start: {
    kind: "number",
    default: 30,
    doc: "Scale of the reward's gradient in the first step.",
  },
  guidance_scale_end: {
    kind: "number",
    default: 40,
    doc: "Scale of the reward's gradient in the last tilted step.",
  },
  rerank_steps_ratio: {
    kind: "number",
    default: 0.5,
    min: 0,
    max: 1,
    doc: "Share of the steps, the last ones, that choose among texts instead of tilting.",
  },
  guidance_version: {
    kind: "choice",
    default: "2025-10",
    choices: rewardVersions,
    doc: "Which published code: the later one multiplies rewards by the scale when it chooses, near an argmax.",
  },
} as const satisfies Record<string, OptionSpec>;

/** Line of the table of decoders. */
export const rewardGuidedDecoder: Decoder = {
  name: "reward_guided",
  aliases: ["guided", "rgas"],
  doc: "Ancestral sampling that a discriminator guides (DiDi-Instruct).",
  options,
  refuses: (facts: DecodeFacts) =>
    whyNotFullView(facts) ??
    (facts.family === "mdlm" ? undefined : "the discriminators that guide it stand beside mdlm models"),
  create(values, { seed, fidelity, newTokens }) {
    const version = values.guidance_version as RewardGuidedOptions["version"];
    // The later code already removes the mask and tells no noise.
    const drawsTransition = fidelity === "released" && version === "2025-10";
    return {
      policy: rewardGuided({
        steps: (values.steps as number | undefined) ?? Math.max(1, newTokens),
        seed,
        schedule: logLinear(),
        fidelity,
        end: values.noise_removal as End,
        version,
        candidates: values.num_candidates as number,
        scaleStart: values.guidance_scale_start as number,
        scaleEnd: values.guidance_scale_end as number,
        rerankRatio: values.rerank_steps_ratio as number,
        drawsTransition,
      }),
      sampling: {},
      needsReward: true,
      tellsNoise: drawsTransition,
      drawsTransition,
    };
  },
};
