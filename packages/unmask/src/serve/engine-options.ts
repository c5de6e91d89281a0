// What an engine is opened with: plain data, for it goes to another thread.

import type { FetchOptions, LoadOptions } from "../generate/load.ts";

export interface EngineLimits {
  /** Requests that may wait; 256 by default. One more is refused with an OverloadedError. */
  readonly maxQueue?: number | undefined;
  /** Sequences that are decoded at once; 32 by default. */
  readonly maxBatch?: number | undefined;
  /**
   * Bytes that running sequences and seen prefixes may take beside the weights; four fifths of what is free after loading
   * by default.
   */
  readonly maxMemory?: number | undefined;
  /** Bytes of maxMemory for keys and values of prompts that were seen before; an eighth by default, 0 keeps none. */
  readonly prefixMemory?: number | undefined;
}

export interface EngineOptions extends EngineLimits, Pick<FetchOptions, "revision"> {
  /** Folder of a model or a training run, or a Hugging Face id. */
  readonly model: string;
  /** Name under which it is served; what was given as `model` by default. */
  readonly id?: string | undefined;
  readonly device?: LoadOptions["device"];
  readonly dtype?: LoadOptions["dtype"];
  /** Folder of a LoRA adapter. */
  readonly adapter?: string | undefined;
  /** Processor threads of an operator; measured by default. */
  readonly threads?: number | undefined;
}
