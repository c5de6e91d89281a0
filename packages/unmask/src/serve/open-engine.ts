// An engine over a model of one's own: loaded once, asked by many.

import { UnsupportedError } from "../base/errors.ts";
import { decoders, usualDecoder } from "../decode/decoders.ts";
import { generate } from "../generate/generate.ts";
import { type FetchOptions, type LoadOptions, load, type Model } from "../generate/load.ts";
import type { Engine, EngineEvent, EngineModel, EngineRequest, EngineStats } from "./engine.ts";
import { ClosedError, OverloadedError } from "./errors.ts";

export interface EngineOptions extends Pick<FetchOptions, "revision"> {
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
  /** Requests that may wait; 256 by default. One more is refused with an OverloadedError. */
  readonly maxQueue?: number | undefined;
  /** Sequences that are decoded at once; 32 by default. */
  readonly maxBatch?: number | undefined;
  /** Bytes that running sequences may take beside the weights; four fifths of what is free after loading by default. */
  readonly maxMemory?: number | undefined;
}

const usualQueue = 256;

/** Loads the model. Throws a CheckpointError, UsageError or UnsupportedError. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { model: source, revision, device, dtype, adapter } = options;
  return new OneByOne(await load(source, { revision, device, dtype, adapter }), options);
}

/** What clients may know of a model. */
export function describeEngine(
  { facts, template }: Model,
  { model, id = model }: EngineOptions,
): EngineModel {
  return {
    id,
    family: facts.family,
    contextLength: facts.contextLength,
    vocabularySize: facts.vocabularySize,
    hasChatTemplate: template !== undefined,
    decoders: decoders.filter((one) => one.refuses(facts) === undefined).map(({ name }) => name),
    usualDecoder: usualDecoder(facts).name,
  };
}

/** Requests one after another, in this thread: the border's first filling, to be replaced by a scheduler. */
class OneByOne implements Engine {
  readonly model: EngineModel;
  private readonly loaded: Model;
  private readonly maxQueue: number;
  private readonly closing = new AbortController();
  private last: Promise<void> = Promise.resolve();
  private waiting = 0;
  private running = 0;

  constructor(loaded: Model, options: EngineOptions) {
    this.loaded = loaded;
    this.model = describeEngine(loaded, options);
    this.maxQueue = options.maxQueue ?? usualQueue;
  }

  get ready(): boolean {
    return !this.closing.signal.aborted;
  }

  async *submit(request: EngineRequest, signal?: AbortSignal): AsyncGenerator<EngineEvent> {
    if (!this.ready) throw new ClosedError("the server is shutting down");
    if (request.structure !== undefined) throw new UnsupportedError("structure is not served yet");
    if (this.waiting >= this.maxQueue) throw new OverloadedError("the queue is full", 1);
    const submitted = performance.now();
    const turn = this.last;
    let done = () => {};
    this.last = new Promise((resolve) => {
      done = resolve;
    });
    this.waiting++;
    try {
      await turn;
    } finally {
      this.waiting--;
    }
    this.running++;
    try {
      yield* this.answer(request, submitted, signal);
    } finally {
      this.running--;
      done();
    }
  }

  private async *answer(request: EngineRequest, submitted: number, signal: AbortSignal | undefined) {
    const started = performance.now();
    const { prompt, ...options } = request;
    yield { type: "start", promptTokens: 0, cachedTokens: 0 } as const;
    const events = generate(this.loaded, prompt, { ...options, frames: false, signal });
    for await (const event of events) {
      if (signal?.aborted) return;
      if (event.type === "text-delta") yield event;
      if (event.type === "sequence") {
        const { text, finish_reason: finishReason, tokens, nfe: forwards } = event.sequence;
        yield { type: "sequence", index: event.index, text, finishReason, tokens, forwards } as const;
      }
    }
    const now = performance.now();
    yield { type: "finish", queued: started - submitted, worked: now - started } as const;
  }

  stats(): Promise<EngineStats> {
    const none = { forwards: 0, positions: 0, rows: 0, promptTokens: 0, cachedTokens: 0, tokens: 0 };
    const ends = { wastedTokens: 0, finished: 0, aborted: 0, refused: 0, expired: 0, failed: 0 };
    const now = { waiting: this.waiting, running: this.running, sequences: this.running };
    return Promise.resolve({ ...now, liveTensors: 0, reservedBytes: 0, totals: { ...none, ...ends } });
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.last;
    this.loaded.dispose();
  }
}
