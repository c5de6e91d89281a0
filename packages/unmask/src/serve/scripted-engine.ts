// An engine without a network: it answers from a script, one token a word, for tests of everything above the border.

import { setImmediate as nextTurn } from "node:timers/promises";
import type {
  CanvasToken,
  Engine,
  EngineEvent,
  EngineModel,
  EngineRequest,
  EngineStats,
  TokenLogprob,
} from "./engine.ts";
import { ClosedError, DeadlineError, OverloadedError } from "./errors.ts";

export interface Script {
  /** The text of a request's sequence; what it throws, the request is refused with. */
  answer?(request: EngineRequest, index: number): string;
  /** Waited for before every word. */
  pause?(request: EngineRequest): Promise<unknown>;
  readonly model?: Partial<EngineModel>;
  /** Requests that run at once, and that may wait. */
  readonly maxRunning?: number;
  readonly maxQueue?: number;
}

const usualModel: EngineModel = {
  id: "scripted",
  family: "llada",
  contextLength: 4096,
  vocabularySize: 1000,
  hasChatTemplate: true,
  decoders: ["low_confidence", "fast_dllm"],
  usualDecoder: "low_confidence",
};

const zero = {
  ...{ forwards: 0, positions: 0, rows: 0, promptTokens: 0, cachedTokens: 0, tokens: 0, wastedTokens: 0 },
  ...{ finished: 0, aborted: 0, refused: 0, expired: 0, failed: 0 },
};

/** What the script says where none is given: the prompt again. */
function echo({ prompt }: EngineRequest): string {
  if (typeof prompt === "string") return prompt;
  if ("ids" in prompt) return prompt.ids.join(" ");
  return prompt.at(-1)?.content ?? "";
}

export class ScriptedEngine implements Engine {
  readonly model: EngineModel;
  /** All that were submitted. */
  readonly requests: EngineRequest[] = [];
  readonly totals: Record<keyof EngineStats["totals"], number> = { ...zero };
  private readonly script: Script;
  private readonly closing = new AbortController();
  private readonly dropping = new AbortController();
  private readonly queue: (() => void)[] = [];
  private running = 0;
  private idle: () => void = () => undefined;

  constructor(script: Script = {}) {
    this.script = script;
    this.model = { ...usualModel, ...script.model };
  }

  get ready(): boolean {
    return !this.closing.signal.aborted;
  }

  /** Requests that are neither whole nor ended. */
  get live(): number {
    return this.running + this.queue.length;
  }

  async *submit(request: EngineRequest, signal?: AbortSignal): AsyncGenerator<EngineEvent> {
    this.requests.push(request);
    if (!this.ready) throw new ClosedError("closing");
    const { maxRunning = Number.POSITIVE_INFINITY, maxQueue = Number.POSITIVE_INFINITY } = this.script;
    if (this.running >= maxRunning && this.queue.length >= maxQueue) {
      this.totals.refused++;
      throw new OverloadedError("the queue is full", 2);
    }
    const texts = Array.from({ length: request.count ?? 1 }, (_, i) =>
      (this.script.answer ?? echo)(request, i),
    );
    yield { type: "queued" };
    const submitted = performance.now();
    const check = (): boolean => this.check(request, submitted, signal);
    if (this.running >= maxRunning) await this.wait(check);
    this.running++;
    let isWhole = false;
    try {
      if (!check()) return;
      isWhole = yield* this.write(request, { texts, submitted, check });
    } finally {
      this.running--;
      if (isWhole) this.totals.finished++;
      else this.totals.aborted++;
      this.queue.shift()?.();
      if (this.live === 0) this.idle();
    }
  }

  /** False when the client went away. */
  private check({ deadline }: EngineRequest, submitted: number, signal: AbortSignal | undefined): boolean {
    if (this.dropping.signal.aborted) throw new ClosedError("closing");
    if (deadline !== undefined && performance.now() - submitted > deadline) {
      throw new DeadlineError("the request's time ran out");
    }
    return signal?.aborted !== true;
  }

  private async wait(isWanted: () => boolean): Promise<void> {
    let isNext = false;
    const place = (): void => {
      isNext = true;
    };
    this.queue.push(place);
    try {
      while (!isNext && isWanted()) await nextTurn();
    } finally {
      if (!isNext) this.queue.splice(this.queue.indexOf(place), 1);
    }
  }

  private async *write(
    request: EngineRequest,
    { texts, submitted, check }: { texts: readonly string[]; submitted: number; check(): boolean },
  ): AsyncGenerator<EngineEvent, boolean> {
    const { prompt } = request;
    const started = performance.now();
    const promptTokens =
      typeof prompt !== "string" && "ids" in prompt ? prompt.ids.length : words(echo(request)).length;
    this.totals.promptTokens += promptTokens;
    yield { type: "start", promptTokens, cachedTokens: 0 };
    for (const [index, text] of texts.entries()) {
      for await (const event of this.writeOne(request, index, words(text))) {
        if (!check()) return false;
        yield event;
      }
    }
    const now = performance.now();
    yield { type: "finish", queued: started - submitted, worked: now - started };
    return true;
  }

  private async *writeOne(request: EngineRequest, index: number, all: string[]): AsyncGenerator<EngineEvent> {
    const { maxNewTokens = 256, stop = [], topLogprobs, canvas } = request;
    const kept = all.slice(0, maxNewTokens);
    let text = "";
    let isStopped = all.length <= maxNewTokens;
    for (const [step, word] of kept.entries()) {
      await (this.script.pause?.(request) ?? nextTurn());
      this.totals.forwards++;
      if (canvas === true)
        yield { type: "canvas", index, step, steps: kept.length, tokens: draft(kept, step) };
      const end = Math.min(...stop.map((one) => (text + word).indexOf(one)).filter((at) => at >= 0));
      const fresh = Number.isFinite(end) ? (text + word).slice(text.length, end) : word;
      text = Number.isFinite(end) ? (text + word).slice(0, end) : text + word;
      const logprobs = topLogprobs === undefined ? undefined : [logprobOf(fresh, topLogprobs)];
      if (fresh !== "") yield { type: "text-delta", index, text: fresh, logprobs };
      if (!Number.isFinite(end)) continue;
      isStopped = true;
      break;
    }
    this.totals.tokens += kept.length;
    const finishReason = isStopped ? "stop" : "length";
    yield { type: "sequence", index, text, finishReason, tokens: kept.length, forwards: kept.length };
  }

  stats(): Promise<EngineStats> {
    const { running, queue, totals } = this;
    const now = { waiting: queue.length, running, sequences: running, liveTensors: 0, reservedBytes: 0 };
    return Promise.resolve({ ...now, totals: { ...totals } });
  }

  async close({ within = 0 }: { within?: number | undefined } = {}): Promise<void> {
    this.closing.abort();
    const timer = setTimeout(() => this.dropping.abort(), within);
    if (this.live > 0) {
      await new Promise<void>((resolve) => {
        this.idle = resolve;
      });
    }
    clearTimeout(timer);
  }
}

/** With the spaces before them. */
const words = (text: string): string[] => text.match(/\s*\S+|\s+$/g) ?? [];

const draft = (kept: readonly string[], step: number): CanvasToken[] =>
  kept.map((text, i) => {
    if (i > step) return { text: "␣", state: "open" };
    return { text, state: i === step ? "fresh" : "written" };
  });

function logprobOf(token: string, top: number): TokenLogprob {
  const bytes = [...Buffer.from(token)];
  const others = Array.from({ length: top }, (_, i) => ({ token: i === 0 ? token : `${token}${i}`, i }));
  return {
    token,
    bytes,
    logprob: -0.5,
    top: others.map(({ token: one, i }) => ({ token: one, bytes: [...Buffer.from(one)], logprob: -0.5 - i })),
  };
}
