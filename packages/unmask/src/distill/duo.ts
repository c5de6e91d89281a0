// Discrete consistency distillation for uniform noise (Sahoo et al. 2025, "The diffusion duality", section 4.2): two
// points z_t, z_s of one path that follow from the same Gaussian noise (diffusion/gaussian-argmax.ts); the student says at
// t what its teacher says at the earlier time s = t − dt.
//
//   L = KL( student(z_t) ‖ teacher(z_s) )          mean over tokens
//
// Every `updateTeacherEvery` updates the student becomes the teacher and dt doubles: 1/512, 1/256, … . The teacher is a
// network of the run's and belongs into its checkpoints. Networks are told sigma = −ln alpha.
//
// Reference: s-sahoo/duo 7c9b498, algo.py (Distillation), scripts/distil_owt.sh. It draws V normal numbers a position and
// reads alpha from a table on disk; both are computed here, from three numbers a position and one integral.
//
// Letters: N tokens, D hidden, V vocabulary.

import { detach, mul, sum, type Tensor } from "@unmask/torch";
import { DataError } from "../base/errors.ts";
import { streams, uniform } from "../base/rng.ts";
import { gaussianAlpha, gaussianRatio, lossRatio, otherToken } from "../diffusion/gaussian-argmax.ts";
import { smallestTime, stratifiedTime } from "../diffusion/time.ts";
import type { Network } from "../models/family.ts";
import { fineUniforms } from "../train/answer-batch.ts";
import type { Answer } from "../train/masked-batch.ts";
import type { LossParts, Method, PhaseContext, Place } from "../train/method.ts";
import { type DistillMode, divergences } from "./divergence.ts";
import { headOf, headRows } from "./head-rows.ts";
import { inRange } from "./in-range.ts";
import { refreshReference } from "./rounds.ts";

export interface DuoOptions {
  readonly vocabularySize: number;
  /** Logarithms of noise over signal at t = 0 and t = 1. */
  readonly gammaMin?: number | undefined;
  readonly gammaMax?: number | undefined;
  /** Steps of a whole text in the first round. */
  readonly steps?: number | undefined;
  /** Updates of a round. */
  readonly updateTeacherEvery?: number | undefined;
  readonly lossType?: Extract<DistillMode, "kl-bwd" | "kl-fwd"> | undefined;
  /** The networks are told how noisy a row is. */
  readonly timeConditioning?: boolean | undefined;
}

const published = {
  ...{ gammaMin: -4, gammaMax: -1, steps: 512, updateTeacherEvery: 10_000 },
  ...{ lossType: "kl-bwd", timeConditioning: true },
} as const;

type Settled = { [Name in keyof typeof published]: NonNullable<DuoOptions[Name]> } & Pick<
  DuoOptions,
  "vocabularySize"
>;

function settle(given: DuoOptions): Settled {
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...published, ...Object.fromEntries(set) } as Settled;
}

/** The largest ratio of signal and noise is exp(−gamma_min / 2), which has to stay below 11. */
function check({ vocabularySize, gammaMin, gammaMax, steps, updateTeacherEvery }: Settled): void {
  inRange("vocabulary_size", vocabularySize, { min: 2, whole: true });
  inRange("gamma_min", gammaMin, { min: -4.75, max: 100 });
  inRange("gamma_max", gammaMax, { min: gammaMin, max: 100 });
  inRange("steps", steps, { min: 1, whole: true });
  inRange("update_teacher_every", updateTeacherEvery, { min: 1, whole: true });
}

/** Distance of the two times in the round that an update belongs to. */
export function duoStep(
  step: number,
  options: Pick<Settled, "steps" | "updateTeacherEvery"> = published,
): number {
  return Math.min(1, 2 ** Math.floor(step / options.updateTeacherEvery) / options.steps);
}

export interface DuoNetworks {
  readonly student: Network;
  /** The student of the round before. */
  readonly teacher: Network;
}

/** What a network is shown. */
interface Seen {
  /** [rows · length] */
  readonly ids: Int32Array;
  /** Of each row. */
  readonly sigmas: readonly number[];
}

export interface DuoPairs {
  readonly rows: number;
  readonly length: number;
  /** Flat positions in the loss: all that are not given. */
  readonly reads: Int32Array;
  readonly late: Seen;
  readonly early: Seen;
  /** Later time of each position. */
  readonly times: Float64Array;
}

export interface DuoBatch {
  readonly pairs: DuoPairs;
  /** The teacher's hidden rows at the earlier time. */
  readonly target_ND: Tensor;
}

export function duoMethod(given: DuoOptions): Method<DuoNetworks, Answer, DuoPairs, DuoBatch> {
  const options = settle(given);
  check(options);
  const alpha = gaussianAlpha(options.vocabularySize);
  return {
    name: "duo",
    prepare: (rows, place) => duoPairs(rows, place, { ...options, alpha }),
    counts: ({ reads }) => ({ tokens: reads.length }),
    tokens: ({ rows, length }) => rows * length,
    sample({ student, teacher }, pairs, { place, products }) {
      if (place.step > 0 && place.step % options.updateTeacherEvery === 0) refreshReference(student, teacher);
      const rows = headRows(teacher, { ...pairs, ...pairs.early }, how(pairs.early, products, options));
      return { pairs, target_ND: detach(rows.hidden_ND) };
    },
    phases: [
      {
        name: "distill",
        updates: "student",
        loss: (networks, batch, context) => duoLoss(networks, batch, context, options),
      },
    ],
  };
}

const how = ({ sigmas }: Seen, products: PhaseContext["products"], { timeConditioning }: Settled) => ({
  products,
  sigmas: timeConditioning ? sigmas : undefined,
});

/** Both points of each row's path; times are stratified over the global batch, all numbers keyed by the example. */
export function duoPairs(
  rows: readonly Answer[],
  { seed, examples, first, count, step }: Place,
  options: Settled & { readonly alpha: (mu: number) => number },
): DuoPairs {
  const length = rows[0]?.ids.length ?? 0;
  const dt = duoStep(step, options);
  const gammas = { min: options.gammaMin, max: options.gammaMax };
  const point = () => ({ ids: new Int32Array(rows.length * length), sigmas: [] as number[] });
  const [late, early] = [point(), point()];
  const reads: number[] = [];
  const times: number[] = [];
  rows.forEach(({ ids, promptLength, learnt }, row) => {
    if (ids.length !== length) {
      throw new DataError(
        `rows of ${length} and of ${ids.length} tokens in one batch; cut them to one length`,
        { length, other: ids.length },
      );
    }
    const example = examples[row]!;
    const isGiven = (column: number) => column < promptLength || learnt?.[column] === 0;
    const drawn = stratifiedTime(first + row, count, uniform({ seed, stream: streams.time }, example, 0, 0), {
      smallest: smallestTime,
    });
    const t = Math.min(1, drawn + dt);
    const paths = pathsOf(ids, { seed, example, vocabularySize: options.vocabularySize });
    for (const [seen, time] of [[late, t] as const, [early, t - dt] as const]) {
      const mu = gaussianRatio(time, gammas);
      seen.sigmas.push(-Math.log(Math.max(options.alpha(mu), 1e-12)));
      paths.forEach(({ token, lost, other }, column) => {
        seen.ids[row * length + column] = isGiven(column) || lost < mu ? token : other;
      });
    }
    for (let column = promptLength; column < length; column++) {
      if (isGiven(column)) continue;
      reads.push(row * length + column);
      times.push(t);
    }
  });
  return {
    rows: rows.length,
    length,
    late,
    early,
    reads: Int32Array.from(reads),
    times: Float64Array.from(times),
  };
}

/** When each token is lost, and to which. */
function pathsOf(
  ids: Answer["ids"],
  { seed, example, vocabularySize }: { seed: number; example: number; vocabularySize: number },
) {
  const source = { seed, stream: streams.corruption };
  const numbers = [0, 2, 4].map((step) => fineUniforms(source, example, { step, count: ids.length }));
  const [own, largest, choice] = numbers as [Float64Array, Float64Array, Float64Array];
  return Array.from(ids, (token, column) => ({
    token,
    lost: lossRatio(own[column]!, largest[column]!, vocabularySize),
    other: otherToken(token, choice[column]!, vocabularySize),
  }));
}

function duoLoss(
  { student, teacher }: DuoNetworks,
  { pairs, target_ND }: DuoBatch,
  { products, recompute, totals }: PhaseContext,
  options: Settled,
): LossParts {
  const own = headRows(
    student,
    { ...pairs, ...pairs.late },
    { ...how(pairs.late, products, options), recompute },
  );
  const target = { hidden_ND: target_ND, head: headOf(teacher, products) };
  const losses_N = divergences(own, target, { mode: options.lossType, products, recompute });
  const share = 1 / Math.max(1, totals.tokens ?? pairs.reads.length);
  return { loss: mul(sum(losses_N), share), positions: { losses_N, times: pairs.times } };
}
