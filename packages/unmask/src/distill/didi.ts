// DiDi-Instruct (Zheng et al. 2025, "Ultra-fast language generation via discrete diffusion divergence instruct"): a
// student that writes in a few steps, from a masked diffusion teacher and a critic.
//
// The integral KL divergence between the noisy marginals of the student and of what is real has the gradient
//
//   ∇ L = E over t, x ~ student, z_t ~ noise(x) of  ω(t)/π(t) · R(z_t, t) · ∇ log p(x),    R = log q_student − log q_real
//
// so R is a reward (here with its sign turned: high is real), and the critic, trained to tell real from written text,
// gives it. log p(x) is that of two steps 1 → tau → 0, and t = tau. One step of training:
//
//   rollout    G texts an example, a tau each                          rollout.ts, planned in prepare.ts
//   critic     tells them from real texts under the same noise         critic.ts
//   student    reward by the updated critic, advantage, REINFORCE,     reward.ts, policy.ts, states.ts
//              KL to the teacher, entropy
//
// Forwards of a step: student 2 without gradient (the first of one row where texts begin alike) and 1 with, which sees both
// states; teacher 1; critic 1 with gradient and 1 without. As published: student 4, teacher 2, critic 3.
// Reference for parity: haoyangzheng-ai/didi-instruct 7825a02 (networks, sampler); its training code of a later release.

import type { Answer } from "../train/masked-batch.ts";
import type { Method, Phase } from "../train/method.ts";
import { type Critic, criticLogits, criticLoss } from "./didi/critic.ts";
import { type DidiSettings, didiOptions } from "./didi/options.ts";
import { studentLoss } from "./didi/policy.ts";
import { countsOf, type DidiCounts, type DidiPlan, planTexts } from "./didi/prepare.ts";
import { cleanGradients } from "./didi/released.ts";
import { positionAdvantages, sequenceRewards, timeWeight } from "./didi/reward.ts";
import { type Denoiser, type DidiBatch, rollOut } from "./didi/rollout.ts";

/** A student and a critic in training, and a teacher that stays as it is. */
export interface DidiNetworks {
  readonly student: Denoiser;
  readonly teacher: Denoiser;
  readonly critic: Critic;
}

export type DidiMethod = Method<DidiNetworks, Answer, DidiPlan, DidiBatch>;

/** Examples are texts of one length; a prompt is given to all texts of its group. Throws a ConfigError for options out of range. */
export function didiMethod(settings: DidiSettings): DidiMethod {
  const options = didiOptions(settings);
  return {
    name: "didi",
    prepare: (answers, place) => planTexts(answers, place, options),
    counts: (plan) => ({ ...countsOf(plan) }),
    tokens: ({ rows, length }) => rows * length,
    sample: (networks, plan, { products }) => rollOut(networks, plan, { options, products }),
    phases: [criticPhase(options), studentPhase(options)],
  };
}

type Options = ReturnType<typeof didiOptions>;
type DidiPhase = Phase<DidiNetworks, DidiBatch>;

function criticPhase(options: Options): DidiPhase {
  // The spectral norm's state moves on once a step: micro-batches of a step are then scored by one critic.
  const moved = new WeakMap<Critic, number>();
  return {
    name: "critic",
    updates: "critic",
    ...beforeClipping(options, "critic"),
    loss({ critic }, batch, { place, totals, products, recompute }) {
      const iterate = moved.get(critic) !== place.step;
      moved.set(critic, place.step);
      return criticLoss(critic, batch, {
        ...{ options, products, recompute, iterate },
        totals: counts(totals),
      });
    },
  };
}

/** As published, a gradient that is no number is 0; else the step fails and says so. */
function beforeClipping(
  { fidelity }: Options,
  role: "critic" | "student",
): Pick<DidiPhase, "beforeClipping"> {
  if (fidelity !== "released") return {};
  return { beforeClipping: (networks) => cleanGradients(networks[role].parameters.values()) };
}

function studentPhase(options: Options): DidiPhase {
  const { discriminatorWarmupSteps, studentUpdateEvery } = options;
  return {
    name: "student",
    updates: "student",
    ...beforeClipping(options, "student"),
    active: (step) => step >= discriminatorWarmupSteps && step % studentUpdateEvery === 0,
    loss(networks, batch, { totals, products, recompute }) {
      const logits = criticLogits(networks.critic, batch, { options, products });
      const rewards = sequenceRewards(logits, batch, options);
      const coefficients = positionAdvantages(logits, batch, options).map(
        (advantage, flat) => timeWeight(batch.times[Math.floor(flat / batch.length)]!, options) * advantage,
      );
      const { loss, terms } = studentLoss(networks, batch, {
        ...{ options, products, recompute, coefficients },
        totals: counts(totals),
      });
      const reward = rewards.reduce((sum, one) => sum + one, 0) / Math.max(1, totals.sequences!);
      return { loss, terms: { ...terms, reward } };
    },
  };
}

/** The loop hands back the counts that countsOf() named. */
const counts = (totals: Readonly<Record<string, number>>): DidiCounts => totals as unknown as DidiCounts;
