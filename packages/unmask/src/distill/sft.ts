// Fine-tuning on rollouts: masked diffusion's own loss on texts that a teacher wrote.
//
//   L = −E over t ~ U(0, 1), x_t ~ noise(x_0, t) of  w(t) Σ over masked positions of log p_θ(x_0 | x_t)
//
// The texts alone are used, not the order they were written in. On the doubled sequence where the network sees block by
// block; w(t) = 1/t ("elbo"), or 1 ("uniform").
//
// It is also what ReDi comes to with masks (Yoo et al. 2025, arXiv 2507.15897; Ugness/ReDi_discrete c8fb9b8). ReDi rectifies
// the coupling of noise and text: it decodes noise x_T to a text x_0 and trains on positions taken from x_0 with
// probability alpha(t) and else from the same x_T, with the NELBO (text) or plain cross-entropy (images). Absorbing noise
// has one x_T, all masks: the pairs are the texts. (For images it mixes 70 % random tokens into the masks, on a network
// that was first trained with such noise; decoding here begins with masks.) Its rounds are runs: roll out with the
// student, and fine-tune it on that.
//
// Smoke test: all masked by a uniform network with weight 1, ln V.

import type { Alignment } from "../diffusion/doubled.ts";
import type { Answer, MaskedBatch, Normalisation, PaddingPolicy } from "../train/masked-batch.ts";
import { answerMethod, blockMethod, type Student } from "../train/masked-method.ts";
import type { Method } from "../train/method.ts";
import { noiseOf } from "../train/objective.ts";
import { type DistillFacts, maskedFacts } from "./trace-states.ts";
import type { TrajectoryExample } from "./trajectory-example.ts";

export const lossWeights = ["elbo", "uniform"] as const;

export interface SftOptions {
  readonly lossWeight?: (typeof lossWeights)[number] | undefined;
  /** Of training; the network's own by default. */
  readonly blockSize?: number | undefined;
  /** "first" by default: no answer's loss depends on the others'. */
  readonly padding?: PaddingPolicy | undefined;
  readonly normalisation?: Normalisation | undefined;
  readonly smallestTime?: number | undefined;
  readonly alignment?: Alignment | undefined;
  /** Blocks: a time for each, or one for the whole answer. */
  readonly times?: "block" | "answer" | undefined;
}

export type SftMethod = Method<Student, TrajectoryExample, MaskedBatch>;

/** Throws an UnsupportedError for a network without masks. */
export function sftMethod(given: DistillFacts, options: SftOptions = {}): SftMethod {
  const facts = maskedFacts(given);
  const { padId, shift, blockLength } = facts;
  const { padding = "first", blockSize = blockLength, lossWeight, ...rest } = options;
  const elbo = noiseOf({ noise: "absorbing" }, facts);
  const noise = lossWeight === "uniform" ? { ...elbo, lossWeight: () => 1 } : elbo;
  const common = { ...rest, padId, padding, noise };
  const method =
    blockLength === undefined
      ? answerMethod({ ...common, shift })
      : blockMethod({ ...common, blockLength: blockSize! });
  return {
    ...method,
    name: "sft",
    prepare: (examples, place) => method.prepare(examples.map(answerOf), place),
  };
}

/** Tokens that were given are no part of what is learnt. */
function answerOf({ ids, promptLength, steps }: TrajectoryExample): Answer {
  if (steps.every((step) => step >= 0)) return { ids, promptLength };
  const learnt = new Uint8Array(ids.length);
  steps.forEach((step, i) => {
    learnt[promptLength + i] = Number(step >= 0);
  });
  return { ids, promptLength, learnt };
}
