// An engine in this thread: a model, its proposals, and the scheduler over them.

import { decoders, usualDecoder } from "../decode/decoders.ts";
import type { Model } from "../generate/load.ts";
import { ModelProposals } from "../generate/proposals.ts";
import { availableMemory } from "../models/memory.ts";
import type { Engine, EngineEvent, EngineModel, EngineRequest, EngineStats } from "./engine.ts";
import type { EngineLimits } from "./engine-options.ts";
import { EventQueue } from "./event-queue.ts";
import { type EventSink, Scheduler } from "./scheduler.ts";
import { serveRequest } from "./served-request.ts";

const usualQueue = 256;
const usualBatch = 32;
/** Of the memory that is free after loading, for sequences; of that, for prefixes. */
const usualShare = 0.8;
const prefixShare = 1 / 8;

export interface LocalOptions extends EngineLimits {
  readonly id?: string | undefined;
  /** Tensors that live now; for the figures of stats(). */
  readonly liveTensors: () => number;
}

export class LocalEngine implements Engine {
  readonly model: EngineModel;
  private readonly loaded: Model;
  private readonly proposals: ModelProposals;
  private readonly scheduler: Scheduler;
  private readonly liveTensors: () => number;

  /** Takes the model over: close() frees it. */
  constructor(loaded: Model, options: LocalOptions) {
    const { id = loaded.source, maxQueue = usualQueue, maxBatch = usualBatch } = options;
    const { maxMemory = usualShare * availableMemory() } = options;
    const { prefixMemory = prefixShare * maxMemory } = options;
    this.loaded = loaded;
    this.model = describeEngine(loaded, id);
    this.liveTensors = options.liveTensors;
    this.proposals = new ModelProposals(loaded, {
      prefixBytes: prefixMemory,
      onForward: ({ rows, positions }) => {
        const { totals } = this.scheduler;
        totals.forwards++;
        totals.rows += rows;
        totals.positions += positions;
      },
    });
    const limits = { maxQueue, maxBatch, maxMemory: Math.max(0, maxMemory - prefixMemory) };
    this.scheduler = new Scheduler(this.proposals.proposer, limits);
  }

  get ready(): boolean {
    return this.scheduler.ready;
  }

  submit(request: EngineRequest, signal?: AbortSignal): AsyncIterableIterator<EngineEvent> {
    let leave = () => {};
    const events = new EventQueue(() => leave());
    try {
      leave = this.send(request, events, signal);
    } catch (error) {
      events.fail(error);
    }
    return events;
  }

  /** As submit(), with the events going to a sink; the function that takes the request out again. Throws at once. */
  send(request: EngineRequest, events: EventSink, signal?: AbortSignal): () => void {
    return this.scheduler.submit(serveRequest(this.loaded, this.proposals, request), events, signal);
  }

  stats(): Promise<EngineStats> {
    const { state, totals } = this.scheduler;
    return Promise.resolve({ ...state, liveTensors: this.liveTensors(), totals: { ...totals } });
  }

  async close({ within = 0 }: { within?: number | undefined } = {}): Promise<void> {
    await this.scheduler.close(within);
    this.proposals.dispose();
    this.loaded.dispose();
  }
}

/** What clients may know of a model. */
function describeEngine({ facts, template }: Model, id: string): EngineModel {
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
