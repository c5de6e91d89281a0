// What a generation tells whoever watches: the terminal, programs (--json) and later the server.

export interface GeneratedSequence {
  prompt_ids: number[];
  token_ids: number[];
  text: string;
  /** Forward (from 0) at which each token of token_ids was written; −1 if given. */
  reveal_step: number[];
  /** Forwards of the network this sequence took part in. */
  nfe: number;
  finish_reason: "length" | "stop";
  tokens: number;
  seconds: number;
}

export interface GenerateTotals {
  nfe: number;
  tokens: number;
  seconds: number;
  tokens_per_forward: number;
  tokens_per_second: number;
}

export type GenerateEvent =
  /** The canvas of the first sequence of the running batch, after a step; ids and whether still open. */
  | {
      type: "canvas-frame";
      step: number;
      steps: number;
      ids: Int32Array;
      open: Uint8Array;
      fresh: Uint8Array;
    }
  | { type: "sequence"; index: number; sequence: GeneratedSequence }
  | { type: "finish"; totals: GenerateTotals };

export interface GenerateOptions {
  steps: number;
  seed: number;
  count: number;
  /** Tokens to fill, the prompt included; the model's length by default. */
  length?: number | undefined;
  /** Text that stands at the beginning and is never changed. */
  prompt?: string | undefined;
  temperature?: number | undefined;
  /** Sequences a forward; does not change what is generated. */
  batchSize?: number | undefined;
  signal?: AbortSignal | undefined;
}
