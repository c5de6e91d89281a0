// What stands between HTTP and the network: requests go in, events come out.
//
// Everything that crosses this border is plain data (structured clone), since the engine may run in a thread of its
// own. HTTP knows nothing of tensors, schedules or caches; the engine knows nothing of HTTP, OpenAI or sockets. A
// scripted engine (scripted-engine.ts) answers without a network, for tests of everything above this line.

import type { Fidelity, OptionValues } from "../decode/decoder.ts";
import type { Structure } from "../structure/structure.ts";
import type { ChatMessage } from "../text/chat-template.ts";

export type { Structure } from "../structure/structure.ts";

/** One prompt to answer, `count` times. */
export interface EngineRequest {
  readonly prompt: string | readonly ChatMessage[] | { readonly ids: readonly number[] };
  /** Sequences; each has random numbers of its own. 1 by default. */
  readonly count?: number | undefined;
  /** A line of the table of decoders; the family's usual one by default. */
  readonly decoder?: string | undefined;
  readonly decoderOptions?: OptionValues | undefined;
  readonly maxNewTokens?: number | undefined;
  /** Text behind the open columns, never changed: infilling. No part of the texts that events report. */
  readonly suffix?: string | undefined;
  readonly seed?: number | undefined;
  readonly fidelity?: Fidelity | undefined;
  readonly stop?: readonly string[] | undefined;
  readonly structure?: Structure | undefined;
  /** Most likely tokens reported beside each written one, 0 for the written one alone; absent: no log-probabilities. */
  readonly topLogprobs?: number | undefined;
  /** Whether canvas events are wanted. */
  readonly canvas?: boolean | undefined;
  /** Who asks, for a fair share of the batch: requests of one client share its turns. All the same one by default. */
  readonly client?: string | undefined;
  /** Milliseconds from submission after which the request is dropped with a DeadlineError. */
  readonly deadline?: number | undefined;
}

export type EngineEvent =
  /** The first: it was taken, and waits or begins. What is refused has no event. */
  | { type: "queued" }
  /** It left the queue: tokens of the prompt, and of those how many came from a cache of prefixes. */
  | { type: "start"; promptTokens: number; cachedTokens: number }
  /** Text that became certain: everything before it is written. Deltas of a sequence only ever append. */
  | { type: "text-delta"; index: number; text: string; logprobs?: readonly TokenLogprob[] | undefined }
  /** A draft: the whole canvas behind the prompt, after a step. */
  | { type: "canvas"; index: number; step: number; steps: number; tokens: readonly CanvasToken[] }
  /** One sequence is whole. */
  | {
      type: "sequence";
      index: number;
      text: string;
      finishReason: "stop" | "length";
      /** Tokens up to and including the end. */
      tokens: number;
      /** Forwards of the network that it took part in. */
      forwards: number;
    }
  /** All sequences are whole; milliseconds of waiting in the queue and of work. */
  | { type: "finish"; queued: number; worked: number };

export interface TokenLogprob {
  readonly token: string;
  readonly bytes: readonly number[];
  /** Natural logarithm of the probability when it was written, given the canvas of that step. */
  readonly logprob: number;
  readonly top: readonly {
    readonly token: string;
    readonly bytes: readonly number[];
    readonly logprob: number;
  }[];
}

export interface CanvasToken {
  readonly text: string;
  /** Open: `text` is what stands for a mask. Fresh: written in this step. */
  readonly state: "given" | "written" | "fresh" | "open";
}

/** What clients may know of the model. */
export interface EngineModel {
  /** Name under which it is served. */
  readonly id: string;
  readonly family: string;
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly hasChatTemplate: boolean;
  readonly decoders: readonly string[];
  readonly usualDecoder: string;
}

/** For /metrics: totals only ever grow, the rest is how things stand. */
export interface EngineStats {
  readonly waiting: number;
  readonly running: number;
  readonly sequences: number;
  readonly liveTensors: number;
  readonly reservedBytes: number;
  readonly totals: {
    readonly forwards: number;
    /** Positions that went through the network. */
    readonly positions: number;
    /** Sequences over all forwards: divided by forwards, how full they were. */
    readonly rows: number;
    readonly promptTokens: number;
    readonly cachedTokens: number;
    readonly tokens: number;
    /** Decoded behind an end, or for clients that went away. */
    readonly wastedTokens: number;
    readonly finished: number;
    readonly aborted: number;
    readonly refused: number;
    readonly expired: number;
    readonly failed: number;
  };
}

export interface Engine {
  readonly model: EngineModel;
  /** Whether requests are taken: loaded, and not closing. */
  readonly ready: boolean;
  /** Whether it will not be ready again: the process is best started anew. */
  readonly failed?: boolean | undefined;
  /**
   * Queues a request. The iteration throws, before the first event, a UsageError, ConfigError or UnsupportedError for
   * what cannot be served and an OverloadedError when the queue is full; later a DeadlineError, or a ClosedError at
   * shutdown. Aborting the signal, or leaving the iteration, ends the request in whatever state it is.
   */
  submit(request: EngineRequest, signal?: AbortSignal): AsyncIterable<EngineEvent>;
  stats(): Promise<EngineStats>;
  /** Takes nothing new, gives what runs so many milliseconds to finish, then drops it with a ClosedError. */
  close(options?: { within?: number | undefined }): Promise<void>;
}
