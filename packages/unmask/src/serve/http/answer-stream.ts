// An answer as server-sent events. Text only ever appends; drafts are events of their own (`event: canvas`) in chunks
// without choices, which clients of OpenAI's pass over. Status and headers wait for the engine to take the request, so
// that what it refuses is refused with its status.

import type { CanvasToken, EngineEvent } from "../engine.ts";
import { canReturnPart } from "./answer-whole.ts";
import { toApiError } from "./errors.ts";
import { Outbox } from "./outbox.ts";
import { choiceCount, type Run, wantsLogprobs } from "./run.ts";
import { clientGone, type Exchange, type Service } from "./service.ts";
import { Tally } from "./tally.ts";
import { type SourcedEvent, together } from "./together.ts";

/** Drafts are left out while so many bytes wait for a slow reader. */
const draftBacklog = 256 * 1024;

type Events = AsyncGenerator<SourcedEvent, void>;

/** Throws what the engine throws before the first event. */
export async function answerStream(service: Service, exchange: Exchange, run: Run): Promise<Response> {
  const { bufferedBytes, keepAliveSeconds } = service.limits;
  const events = together(service.engine, run.requests, exchange.controller);
  const early = await taken(events, run.requests.length);
  if (exchange.isGone()) return new Response(null, { status: clientGone });
  const outbox = new Outbox({
    bound: bufferedBytes,
    keepAlive: 1000 * keepAliveSeconds,
    onCancel: () => exchange.controller.abort(),
  });
  const over = exchange.goesOn();
  void new Stream(service, exchange, { run, outbox }).pump(early, events).then(over);
  return new Response(outbox.body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      // Proxies of nginx's kind pass on what comes at once.
      "x-accel-buffering": "no",
    },
  });
}

/** Waits until every prompt was taken, or the client went away; the events that came meanwhile. */
async function taken(events: Events, prompts: number): Promise<SourcedEvent[]> {
  const early: SourcedEvent[] = [];
  for (let count = 0; count < prompts; ) {
    const { done, value } = await events.next();
    if (done === true) break;
    if (value.event.type === "queued") count++;
    else early.push(value);
  }
  return early;
}

const letters: Readonly<Record<CanvasToken["state"], string>> = {
  given: "g",
  written: "w",
  fresh: "f",
  open: "o",
};

/** What a chunk holds besides its choices. */
interface Extras {
  readonly unmask?: object;
  readonly usage?: object;
  readonly canvas?: object;
}

class Stream {
  private readonly service: Service;
  private readonly exchange: Exchange;
  private readonly run: Run;
  private readonly outbox: Outbox;
  private readonly tally: Tally;
  private isBegun = false;

  constructor(service: Service, exchange: Exchange, { run, outbox }: { run: Run; outbox: Outbox }) {
    this.service = service;
    this.exchange = exchange;
    this.run = run;
    this.outbox = outbox;
    this.tally = new Tally(run.requests.length, run.asked.request.count);
  }

  /** Writes until the end; never throws. The status for log and metrics. */
  async pump(early: readonly SourcedEvent[], events: Events): Promise<number> {
    try {
      this.begin();
      for (const one of early) this.onEvent(one);
      for await (const one of events) this.onEvent(one);
      if (this.exchange.controller.signal.aborted) return clientGone;
      this.end(false);
      return 200;
    } catch (error) {
      if (this.exchange.controller.signal.aborted && this.exchange.isGone()) return clientGone;
      return this.fail(error);
    } finally {
      this.outbox.end();
      void events.return();
    }
  }

  private begin(): void {
    for (let i = 0; i < choiceCount(this.run); i++) {
      const choice = this.run.shape.first(i);
      if (choice !== undefined) this.chunk([choice]);
    }
  }

  private onEvent({ source, event }: SourcedEvent): void {
    const choice = "index" in event ? this.tally.choiceOf(source, event.index) : 0;
    const offset = this.tally.choices[choice]?.text.length ?? 0;
    this.tally.add({ source, event });
    const { shape } = this.run;
    if (event.type === "text-delta") {
      this.service.metrics.firstText(this.exchange);
      const logprobs = wantsLogprobs(this.run) ? (event.logprobs ?? []) : undefined;
      this.chunk([shape.delta(choice, event.text, logprobs, offset)]);
    } else if (event.type === "canvas") this.draft(choice, event);
    else if (event.type === "sequence") {
      this.chunk([shape.last(choice, event.finishReason)], { unmask: { forwards: event.forwards } });
    }
  }

  private draft(index: number, { step, steps, tokens }: Extract<EngineEvent, { type: "canvas" }>): void {
    if (this.outbox.backlog > draftBacklog) return;
    const texts = tokens.map(({ text }) => text);
    const states = tokens.map(({ state }) => letters[state]).join("");
    this.chunk([], { canvas: { index, step, steps, tokens: texts, states } }, "canvas");
  }

  private end(isCut: boolean): void {
    const { asked } = this.run;
    const { usage, forwards, queued, worked } = this.tally;
    const times = { queued_ms: queued, worked_ms: worked };
    const unmask = { seed: asked.request.seed, decoder: asked.decoder, forwards, ...times };
    this.service.metrics.answered(this.tally);
    const interrupted = isCut ? { interrupted: true } : {};
    if (asked.includeUsage) this.chunk([], { usage, unmask: { ...unmask, ...interrupted } });
    this.outbox.write("data: [DONE]\n\n");
  }

  /** What is there is kept when the server shuts down; any other error is the last event. */
  private fail(error: unknown): number {
    if (canReturnPart(error, this.run, this.tally)) {
      this.tally.choices.forEach(({ finishReason }, i) => {
        if (finishReason !== undefined) return;
        this.chunk([this.run.shape.last(i, "length")], { unmask: { interrupted: true } });
      });
      this.end(true);
      return 200;
    }
    const told = toApiError(error, this.exchange.requestId);
    if (told.status === 500) this.exchange.log.error({ err: error }, "the stream broke off");
    this.outbox.write(`data: ${JSON.stringify(told.body)}\n\n`);
    return told.status;
  }

  private chunk(choices: readonly object[], { unmask, ...more }: Extras = {}, name?: string): void {
    const { shape, id, created, model, asked } = this.run;
    const head = { id, object: shape.chunkObject, created, model, choices };
    const usage = asked.includeUsage ? { usage: null } : {};
    // The first chunk, whatever it is, says what the rest can be repeated with.
    const ours = this.isBegun ? unmask : { seed: asked.request.seed, decoder: asked.decoder, ...unmask };
    this.isBegun = true;
    const data = JSON.stringify({ ...head, ...usage, ...more, unmask: ours });
    const isTaken = this.outbox.write(`${name === undefined ? "" : `event: ${name}\n`}data: ${data}\n\n`);
    if (isTaken || this.exchange.controller.signal.aborted) return;
    this.service.metrics.slowClients.inc();
    this.exchange.log.warn("a client that reads too slowly was dropped");
    this.exchange.controller.abort();
  }
}
