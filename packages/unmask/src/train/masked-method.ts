// Methods that train one network on noised tokens: pre-training on rows, fine-tuning on answers, block diffusion. They
// differ in how a batch is prepared; the loss of a prepared batch is one.

import type { Alignment } from "../diffusion/doubled.ts";
import type { NoiseProcess } from "../diffusion/noise.ts";
import type { Network } from "../models/family.ts";
import { type AnswerOptions, answerBatch } from "./answer-batch.ts";
import { doubledBatch, doubledColumns, noisyResponses } from "./doubled-batch.ts";
import type { Answer, MaskedBatch, Normalisation, PaddingPolicy } from "./masked-batch.ts";
import { maskedLoss } from "./masked-loss.ts";
import type { Method, Place } from "./method.ts";
import { rowBatch } from "./row-batch.ts";

/** The network that learns. */
export interface Student {
  readonly student: Network;
}

export const maskedKinds = ["rows", "answers", "blocks"] as const;

export interface MaskedMethod extends Method<Student, Answer, MaskedBatch> {
  readonly name: (typeof maskedKinds)[number];
}

/** The NELBO over rows of equal length (MDLM). */
export const rowMethod = (noise: NoiseProcess): MaskedMethod =>
  maskedMethod("rows", noise, (rows, place) => rowBatch(rows, place, noise));

export interface AnswerMethodOptions {
  readonly noise: NoiseProcess;
  readonly padId: number;
  readonly padding?: PaddingPolicy | undefined;
  readonly normalisation?: Normalisation | undefined;
  readonly smallestTime?: number | undefined;
  /** Row p of the logits predicts position p + shift (Dream: 1). */
  readonly shift?: AnswerOptions["shift"];
}

/** Fine-tuning on answers: LLaDA's, with the shift Dream's. */
export const answerMethod = (options: AnswerMethodOptions): MaskedMethod =>
  maskedMethod("answers", options.noise, (answers, { seed, examples }) =>
    answerBatch(answers, { ...options, seed, examples }),
  );

export interface BlockMethodOptions extends Omit<AnswerMethodOptions, "shift"> {
  readonly blockLength: number;
  readonly alignment?: Alignment | undefined;
  /** A time for each block, or one for the whole answer. */
  readonly times?: "block" | "answer" | undefined;
}

/** Block diffusion on the doubled sequence: SDAR's. */
export const blockMethod = (options: BlockMethodOptions): MaskedMethod =>
  maskedMethod("blocks", options.noise, (answers, { seed, examples }) => {
    const columns = doubledColumns(answers, options);
    return doubledBatch(columns, noisyResponses(columns, { ...options, seed, examples }));
  });

function maskedMethod(
  name: MaskedMethod["name"],
  noise: NoiseProcess,
  prepare: (examples: readonly Answer[], place: Place) => MaskedBatch,
): MaskedMethod {
  return {
    name,
    prepare,
    counts: ({ size }) => ({ size }),
    tokens: ({ rows, length }) => rows * length,
    phases: [
      {
        name: "train",
        updates: "student",
        loss({ student }, batch, { totals, products, recompute }) {
          const options = { noise, products, recompute, total: totals.size };
          const { loss, losses_N } = maskedLoss(student, batch, options);
          return { loss, positions: { losses_N, times: batch.times } };
        },
      },
    ],
  };
}
