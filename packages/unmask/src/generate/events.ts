// What is asked of a generation, and what it tells whoever watches: the terminal, programs (--json), later the server.

import type { Fidelity, OptionValues } from "../decode/decoder.ts";
import type { Structure } from "../structure/structure.ts";
import type { ChatMessage } from "../text/chat-template.ts";
import type { Trajectory, TrajectoryHeader } from "../trajectory/record.ts";

/** A text to go on with, a conversation to answer, or token ids as they are. */
export type Prompt = string | readonly ChatMessage[] | { readonly ids: readonly number[] };

export interface GenerateOptions {
  /** A line of the table of decoders; the family's usual one by default. */
  readonly decoder?: string | undefined;
  /** The decoder's options by their snake_case names, aliases allowed. */
  readonly decoderOptions?: OptionValues | undefined;
  /** Columns behind the prompt; up to the model's length by default. */
  readonly maxNewTokens?: number | undefined;
  /** The whole canvas, prompt included; instead of maxNewTokens. */
  readonly length?: number | undefined;
  /** Text that stands behind the open columns and is never changed: infilling. */
  readonly suffix?: string | undefined;
  /** Given tokens by column behind the prompt: the frame of any number of holes. */
  readonly given?: ReadonlyMap<number, number> | undefined;
  /**
   * What the text must look like, for sure: JSON, JSON of a schema, or what a regular expression matches as a whole.
   * maxNewTokens is then the most it may take.
   */
  readonly structure?: Structure | undefined;
  readonly seed?: number | undefined;
  /** Sequences a prompt; 1 by default. */
  readonly count?: number | undefined;
  /** Place of each prompt in a larger request, which gives its random numbers; 0, 1, 2 … by default. */
  readonly places?: readonly number[] | undefined;
  readonly fidelity?: Fidelity | undefined;
  /** Texts that end a sequence; they are cut off. */
  readonly stop?: readonly string[] | undefined;
  /** Tokens that end a sequence besides the model's own; they are kept. */
  readonly stopIds?: readonly number[] | undefined;
  /** Leave when everything before an end is written (the default), or fill the whole canvas. */
  readonly stopAtEnd?: boolean | undefined;
  /** Sequences a forward; does not change what is generated. */
  readonly batchSize?: number | undefined;
  /** Whether canvas-frame events are wanted; they are by default. */
  readonly frames?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Gets the record of every finished sequence. */
  readonly onTrajectory?: ((trajectory: Trajectory, header: TrajectoryHeader) => void) | undefined;
  /** Whether that record holds everything that was proposed, written or not; it is then many times larger. */
  readonly recordProposals?: boolean | undefined;
}

export interface GeneratedSequence {
  prompt_ids: number[];
  /** What stands behind the prompt, up to and including the token that ended it. */
  token_ids: number[];
  text: string;
  /** Forward (from 0) at which each token of token_ids was written; −1 if given or filled. */
  reveal_step: number[];
  /** Forwards of the network that this sequence took part in. */
  nfe: number;
  finish_reason: "length" | "stop";
  /** Tokens that were decoded up to the end, the ending one included. */
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
  /** Text that became certain: everything before it is written. Deltas of a sequence only ever append. */
  | { type: "text-delta"; index: number; text: string }
  /** The canvas of the first running sequence of a batch, after a step. */
  | {
      type: "canvas-frame";
      index: number;
      /** Forwards so far. */
      step: number;
      /** Most forwards that the decoder may take. */
      steps: number;
      /** How many of the columns are the prompt, at the start. */
      prompt: number;
      ids: Int32Array;
      open: Uint8Array;
      /** 1 where this step wrote. */
      fresh: Uint8Array;
    }
  /**
   * Nothing in a block of the decoder is open any more; `end` is the column behind it, counted behind the prompt.
   * Blocks that are decoded side by side may end in any order. Decoders that have no blocks send none.
   */
  | { type: "block-end"; index: number; end: number }
  | {
      type: "sequence";
      index: number;
      sequence: GeneratedSequence;
      /** Tokens decoded behind its end: paid for and thrown away. */
      tokensBehindEnd: number;
    }
  /** The decoder's name and all its options come with the totals. */
  | {
      type: "finish";
      decoder: string;
      options: Readonly<Record<string, unknown>>;
      totals: GenerateTotals;
    };
