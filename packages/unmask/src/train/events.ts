// What a training run tells whoever watches it: a union of small events. The terminal view, metrics.jsonl, TensorBoard's
// files and tests are consumers of the same type.

import type { RatioBucket } from "./ratio-buckets.ts";
import type { PhaseOutcome } from "./step.ts";

export type TrainEvent =
  | {
      type: "start";
      folder: string;
      /** Name of the method: "rows", "answers", "blocks", or a distiller's. */
      method: string;
      /** Parameters of the networks, and those that are updated; undefined before adapters are made. */
      parameters: number;
      trainedParameters: number | undefined;
      /** Examples of an epoch; undefined for a stream. */
      rows: number | undefined;
      rowLength: number;
      heldOutRows: number;
      steps: number;
      batchSize: number;
      /** Step that a resumed run goes on from; 0 for a new one. */
      fromStep: number;
      estimatedBytes: number;
      dtype: string;
      threads: number;
      /** Processes that train together. */
      workers: number;
      warnings: readonly string[];
    }
  | {
      type: "step";
      /** Steps done, counting this one. */
      step: number;
      steps: number;
      /** Of the student, or of the one network there is. */
      loss: number;
      /** Exponential average of the loss (it jumps from batch to batch by nature). */
      smoothedLoss: number;
      learningRate: number;
      gradientNorm: number;
      tokensPerSecond: number;
      /** Seconds since the run (or its resumption) began, and an estimate of those left. */
      seconds: number;
      secondsLeft: number;
      /** Every update of the step with its terms, where there is more to tell than the loss. */
      phases?: readonly PhaseOutcome[];
    }
  /** Losses of positions by masked share since the last such event. */
  | { type: "ratios"; step: number; buckets: readonly RatioBucket[] }
  /** Figures on held-out data with the averaged weights: nelbo (nats a token), nats_per_byte, and what a caller measures. */
  | { type: "evaluate"; step: number; metrics: Readonly<Record<string, number>> }
  | { type: "checkpoint"; step: number; folder: string }
  | {
      type: "finish";
      reason: "done" | "interrupted";
      step: number;
      seconds: number;
      metrics: Readonly<Record<string, number>> | undefined;
      /** What was odd about data that was read while training. */
      warnings?: readonly string[];
    };

export type EventOf<Type extends TrainEvent["type"]> = Extract<TrainEvent, { type: Type }>;

export interface TrainHooks {
  onEvent?: ((event: TrainEvent) => void) | undefined;
  /** Aborting ends the run after the present step, with a checkpoint. */
  signal?: AbortSignal | undefined;
}
