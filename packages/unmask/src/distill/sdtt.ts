// Self-distillation through time (Deschenaux & Gulcehre 2024, arXiv 2410.21035): a student learns to say at once what its
// teacher says over k small steps.
//
//   x_t     a text with masks at time t
//   teacher k ancestral steps of length dt from x_t; the target of a position is what the teacher said of it in the step
//           that revealed it, or in the last one
//   L       divergence of the student's distribution at x_t from the target, mean over masked positions
//
// After `growDtEvery` updates the student becomes the teacher and dt grows k-fold: 1024 steps become 512, then 256, … ,
// `minNumSamplingSteps`, the last round. The teacher is a network of the run's: it belongs into its checkpoints.
//
// Reference: jdeschena/sdtt 9172b86, core/distill/multi_round_sdtt.py. Its second step begins at (1 − t) t_end instead of
// t_end (an interpolation without its 1 −), its last one runs past t_end, and its "tvd" is none (divergence.ts); here the
// steps are t, t − dt, …, t − (k − 1) dt, each dt long, and end at 0.
// What the teacher keeps is hidden rows [N, D], not distributions [N, V].
//
// Letters: N masked positions, D hidden, V vocabulary.

import { detach, mul, sum, type Tensor } from "@unmask/torch";
import { ConfigError } from "../base/errors.ts";
import type { NoiseProcess } from "../diffusion/noise.ts";
import type { Network } from "../models/family.ts";
import { answerBatch } from "../train/answer-batch.ts";
import type { Answer, MaskedBatch, PaddingPolicy } from "../train/masked-batch.ts";
import type { LossParts, Method, PhaseContext, Place } from "../train/method.ts";
import { rowBatch } from "../train/row-batch.ts";
import { type DistillMode, divergences } from "./divergence.ts";
import { headOf, headRows, withoutMask } from "./head-rows.ts";
import { inRange } from "./in-range.ts";
import { refreshReference } from "./rounds.ts";
import { teacherRows } from "./sdtt-teacher.ts";

export interface SdttOptions {
  /** Masks. */
  readonly noise: NoiseProcess;
  readonly maskId: number;
  /** "rows": texts of one length, at stratified times; "answers": only answers are masked. */
  readonly batch: "rows" | "answers";
  readonly padId: number;
  readonly shift?: 0 | 1 | undefined;
  readonly padding?: PaddingPolicy | undefined;
  /** Steps of the teacher that become one of the student's. */
  readonly numDistillSteps?: number | undefined;
  /** Steps of a whole text in the first round. */
  readonly origNumSamplingSteps?: number | undefined;
  /** Steps of a whole text below which no round begins. */
  readonly minNumSamplingSteps?: number | undefined;
  /** Updates of a round. */
  readonly growDtEvery?: number | undefined;
  readonly distillMode?: DistillMode | undefined;
}

/** Published: seven rounds of 10,000 updates after the first, from 1,024 steps to 8. */
const published = {
  ...{ numDistillSteps: 2, origNumSamplingSteps: 1024, minNumSamplingSteps: 8, growDtEvery: 10_000 },
  distillMode: "kl-bwd",
} as const;

type Constants = { [Name in keyof typeof published]: NonNullable<SdttOptions[Name]> };
type Settled = Omit<SdttOptions, keyof Constants | "shift"> & Constants & { readonly shift: 0 | 1 };

function settle<Given extends Partial<SdttOptions>>(given: Given): Given & Constants & { shift: 0 | 1 } {
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { shift: 0, ...published, ...set } as Given & Constants & { shift: 0 | 1 };
}

export interface SdttRound {
  readonly round: number;
  /** Length of the teacher's steps in time. */
  readonly dt: number;
  /** The student becomes the teacher before this step. */
  readonly begins: boolean;
}

/** The round that an update belongs to; the last one goes on. */
export function sdttRound(step: number, options: Partial<SdttOptions> = {}): SdttRound {
  const { numDistillSteps: k, origNumSamplingSteps: most, ...rest } = settle(options);
  let round = 0;
  const last = Math.floor(step / rest.growDtEvery);
  while (round < last && Math.round(most / k ** (round + 1)) >= rest.minNumSamplingSteps) round++;
  return { round, dt: k ** round / most, begins: round > 0 && step === round * rest.growDtEvery };
}

export interface SdttNetworks {
  readonly student: Network;
  /** The student of the round before. */
  readonly teacher: Network;
}

export interface SdttBatch {
  readonly batch: MaskedBatch;
  /** Of each position that is read, from the teacher's step that revealed it; undefined where none is. */
  readonly target_ND?: Tensor | undefined;
}

export function sdttMethod(given: SdttOptions): Method<SdttNetworks, Answer, MaskedBatch, SdttBatch> {
  const options: Settled = settle(given);
  check(options);
  return {
    name: "sdtt",
    prepare: (examples, place) => prepared(examples, place, options),
    counts: ({ reads }) => ({ masked: reads.length }),
    tokens: ({ rows, length }) => rows * length,
    sample({ student, teacher }, batch, context) {
      if (sdttRound(context.place.step, options).begins) refreshReference(student, teacher);
      const { place, products } = context;
      const { numDistillSteps: steps, noise, shift, maskId } = options;
      const { dt } = sdttRound(place.step, options);
      const how = { steps, dt, schedule: noise.schedule, shift, maskId, place, products };
      return { batch, target_ND: teacherRows(teacher, batch, how) };
    },
    phases: [
      {
        name: "distill",
        updates: "student",
        loss: (networks, batch, context) => sdttLoss(networks, batch, context, options),
      },
    ],
  };
}

function check({
  noise,
  numDistillSteps,
  origNumSamplingSteps,
  minNumSamplingSteps,
  growDtEvery,
}: Settled): void {
  if (noise.name !== "absorbing") {
    throw new ConfigError(`sdtt reveals masks, and ${noise.name} noise has none; use duo for uniform noise`);
  }
  inRange("num_distill_steps", numDistillSteps, { min: 1, whole: true });
  inRange("orig_num_sampling_steps", origNumSamplingSteps, { min: 1, whole: true });
  inRange("min_num_sampling_steps", minNumSamplingSteps, { min: 1, whole: true });
  inRange("grow_dt_every", growDtEvery, { min: 1, whole: true });
}

function prepared(examples: readonly Answer[], place: Place, options: Settled): MaskedBatch {
  const { noise } = options;
  if (options.batch === "rows") return rowBatch(examples, place, noise);
  return answerBatch(examples, { ...options, seed: place.seed, examples: place.examples });
}

function sdttLoss(
  { student, teacher }: SdttNetworks,
  { batch, target_ND }: SdttBatch,
  { products, recompute, totals }: PhaseContext,
  { distillMode: mode, maskId }: Settled,
): LossParts {
  const how = { products, recompute };
  const rows = headRows(student, batch, how);
  const own = { ...rows, head: withoutMask(rows.head, maskId) };
  const target = {
    hidden_ND: target_ND ?? detach(rows.hidden_ND),
    head: withoutMask(headOf(teacher, products), maskId),
  };
  const losses_N = divergences(own, target, { ...how, mode, maskId });
  const share = 1 / Math.max(1, totals.masked ?? batch.reads.length);
  return { loss: mul(sum(losses_N), share), positions: { losses_N, times: batch.times } };
}
