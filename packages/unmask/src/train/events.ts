// What a training run tells whoever watches it: a union of small events. The terminal view, metrics.jsonl and
// tests are consumers of the same type.

export type TrainEvent =
  | {
      type: "start";
      folder: string;
      parameters: number;
      rows: number;
      rowLength: number;
      heldOutRows: number;
      steps: number;
      /** Step that a resumed run goes on from; 0 for a new one. */
      fromStep: number;
      estimatedBytes: number;
      dtype: string;
      threads: number;
      warnings: readonly string[];
    }
  | {
      type: "step";
      /** Steps done, counting this one. */
      step: number;
      steps: number;
      /** NELBO of the batch, nats per token. */
      loss: number;
      /** Exponential average of the loss (it jumps from batch to batch by nature). */
      smoothedLoss: number;
      learningRate: number;
      gradientNorm: number;
      tokensPerSecond: number;
      /** Seconds since the run (or its resumption) began, and an estimate of those left. */
      seconds: number;
      secondsLeft: number;
    }
  /** NELBO on held-out data in nats per token, with the averaged weights. */
  | { type: "evaluate"; step: number; nelbo: number; natsPerByte: number }
  | { type: "checkpoint"; step: number; folder: string }
  | {
      type: "finish";
      reason: "done" | "interrupted";
      step: number;
      seconds: number;
      nelbo: number | undefined;
    };

export interface TrainHooks {
  onEvent?: ((event: TrainEvent) => void) | undefined;
  /** Aborting ends the run after the present step, with a checkpoint. */
  signal?: AbortSignal | undefined;
}
