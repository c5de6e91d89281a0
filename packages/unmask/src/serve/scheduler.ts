// Who is decoded when: sequences of many requests in one loop, joining and leaving between forwards.
//
// A turn: what fits is let in (fair-queue.ts, by sequences and by estimated memory), what is done leaves at once and its
// room is given away before the forward, the forward runs, and its news go out. Then the event loop has its turn, so that
// requests can come and go while others are decoded. An aborted or expired request leaves in whatever state it is.
//
// Nothing here knows tensors, text or HTTP: a request opens its sequences, and each says what a step of it tells.

import { setImmediate as breathe } from "node:timers/promises";
import { ConfigError } from "../base/errors.ts";
import type { Canvas } from "../decode/canvas.ts";
import { DecodeLoop, type SequenceOptions, type SequenceStep } from "../decode/decode.ts";
import type { Policy, Proposer } from "../decode/policies/policy.ts";
import type { EngineEvent } from "./engine.ts";
import { ClosedError, DeadlineError, OverloadedError } from "./errors.ts";
import { nextEntry } from "./fair-queue.ts";
import { retryAfter } from "./retry-after.ts";
import { newTotals, type Totals } from "./totals.ts";

/** One sequence of a request, from its first forward to its end. */
export interface ScheduledSequence extends SequenceOptions {
  readonly canvas: Canvas;
  readonly policy: Policy;
  /** What a step brought. */
  advance(step: SequenceStep): EngineEvent[];
  /** The last news of a sequence that is whole; the tokens that count and those that were decoded for nothing. */
  finish(): { events: EngineEvent[]; tokens: number; wasted: number };
  /** Columns of the prompt that were not computed; known after the first step. */
  cachedTokens(): number;
}

export interface ScheduledRequest {
  readonly client: string;
  readonly count: number;
  /** Bytes that one sequence takes while it runs. */
  readonly bytes: number;
  readonly promptTokens: number;
  /** Milliseconds from now; none by default. */
  readonly deadline?: number | undefined;
  open(index: number): ScheduledSequence;
}

/** Where the events of a request go: event-queue.ts, or a port to another thread. */
export interface EventSink {
  push(event: EngineEvent): void;
  end(): void;
  fail(error: unknown): void;
}

export interface SchedulerOptions {
  readonly maxQueue: number;
  readonly maxBatch: number;
  readonly maxMemory: number;
}

/** A request at the scheduler: `left` sequences have not begun, `rows` run. */
class Ticket {
  readonly request: ScheduledRequest;
  readonly events: EventSink;
  readonly submitted = performance.now();
  readonly rows = new Map<number, ScheduledSequence>();
  left: number;
  began: number | undefined;
  /** Whether the start event is out. */
  isTold = false;
  /** Ends what watches it: the abort signal, the deadline. */
  unwatch: () => void = () => undefined;

  constructor(request: ScheduledRequest, events: EventSink) {
    this.request = request;
    this.events = events;
    this.left = request.count;
  }

  get client(): string {
    return this.request.client;
  }

  get running(): number {
    return this.rows.size;
  }
}

export class Scheduler {
  readonly totals: Totals = newTotals();
  private readonly options: SchedulerOptions;
  private readonly loop: DecodeLoop;
  /** In order of arrival. */
  private readonly tickets = new Set<Ticket>();
  private readonly owners = new Map<number, Ticket>();
  private reserved = 0;
  /** When requests became whole, newest last. */
  private readonly finishes: number[] = [];
  private working: Promise<void> | undefined;
  private isClosing = false;

  constructor(proposer: Proposer, options: SchedulerOptions) {
    this.loop = new DecodeLoop(proposer);
    this.options = options;
  }

  get ready(): boolean {
    return !this.isClosing;
  }

  get state(): { waiting: number; running: number; sequences: number; reservedBytes: number } {
    const waiting = this.waiting();
    const running = this.tickets.size - waiting;
    return { waiting, running, sequences: this.loop.size, reservedBytes: this.reserved };
  }

  /**
   * Queues a request; the function that takes it out again, in whatever state it is. Throws an OverloadedError, a
   * ClosedError, or a ConfigError for what would never fit.
   */
  submit(request: ScheduledRequest, events: EventSink, signal?: AbortSignal): () => void {
    this.check(request);
    const ticket = new Ticket(request, events);
    const leave = () => this.drop(ticket);
    const expire = () => this.fail(ticket, late(), "expired");
    const timer = request.deadline === undefined ? undefined : setTimeout(expire, request.deadline);
    signal?.addEventListener("abort", leave, { once: true });
    ticket.unwatch = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", leave);
    };
    this.tickets.add(ticket);
    events.push({ type: "queued" });
    this.working ??= this.work();
    if (signal?.aborted) leave();
    return leave;
  }

  /** Takes nothing new and drops what waits; what runs has so many milliseconds left. */
  async close(within = 0): Promise<void> {
    this.isClosing = true;
    const dropAll = (those: (ticket: Ticket) => boolean) => {
      for (const ticket of [...this.tickets].filter(those)) this.fail(ticket, closed(), "failed");
    };
    dropAll(({ began }) => began === undefined);
    const timer = setTimeout(() => dropAll(() => true), within);
    await this.working;
    clearTimeout(timer);
    this.loop.clear();
  }

  private waiting(): number {
    let count = 0;
    for (const { began } of this.tickets) if (began === undefined) count++;
    return count;
  }

  private check({ bytes }: ScheduledRequest): void {
    const { maxQueue, maxMemory } = this.options;
    if (this.isClosing) throw closed();
    if (bytes > maxMemory) {
      const [needed, given] = [bytes, maxMemory].map((one) => `${(one / 2 ** 30).toFixed(2)} GiB`);
      throw new ConfigError(
        `the request needs ${needed} of memory a sequence and the server gives ${given} to all; ask for fewer tokens`,
        { bytes, maxMemory },
      );
    }
    const waiting = this.waiting();
    if (waiting < maxQueue) return;
    this.totals.refused++;
    throw new OverloadedError(
      `${waiting} requests are waiting already; try again later`,
      retryAfter(this.finishes, waiting),
    );
  }

  /** Turns until nothing is left; a turn that fails as a whole fails the requests in it. */
  private async work(): Promise<void> {
    // Whoever submits gets the events before the first of them is made.
    await breathe();
    while (this.tickets.size > 0) {
      await this.turn();
      await breathe();
    }
    this.working = undefined;
  }

  private async turn(): Promise<void> {
    this.admit();
    while (this.leave()) {
      // Their last news go out before the forward of the others.
      await breathe();
      this.admit();
    }
    if (this.loop.size === 0) return;
    try {
      const { steps, failed } = await this.loop.step();
      for (const { row, error } of failed) this.failRow(row, error);
      for (const step of steps) this.tell(step);
    } catch (error) {
      for (const ticket of new Set(this.owners.values())) this.fail(ticket, error, "failed");
    }
  }

  /** Lets sequences in, one at a time, while there is room. */
  private admit(): void {
    const { maxBatch, maxMemory } = this.options;
    while (this.loop.size < maxBatch) {
      const ticket = nextEntry(this.tickets);
      if (ticket === undefined || this.reserved + ticket.request.bytes > maxMemory) return;
      const { request } = ticket;
      ticket.began ??= performance.now();
      const index = request.count - ticket.left--;
      try {
        const sequence = request.open(index);
        const row = this.loop.add(sequence.canvas, sequence.policy, sequence);
        ticket.rows.set(row, sequence);
        this.owners.set(row, ticket);
        this.reserved += request.bytes;
      } catch (error) {
        this.fail(ticket, error, "failed");
      }
    }
  }

  /** Plans the next forward; whether some left, so that others may come in before it. */
  private leave(): boolean {
    const departures = this.loop.plan();
    for (const departure of departures) {
      if ("error" in departure) this.failRow(departure.row, departure.error);
      else this.whole(departure.row);
    }
    return departures.length > 0;
  }

  private failRow(row: number, error: unknown): void {
    const ticket = this.owners.get(row);
    if (ticket !== undefined) this.fail(ticket, error, "failed");
  }

  private tell(step: SequenceStep): void {
    const ticket = this.owners.get(step.row);
    const sequence = ticket?.rows.get(step.row);
    if (ticket === undefined || sequence === undefined) return;
    try {
      const events = sequence.advance(step);
      this.tellStart(ticket, sequence);
      for (const event of events) ticket.events.push(event);
    } catch (error) {
      this.fail(ticket, error, "failed");
    }
  }

  private tellStart(ticket: Ticket, sequence: ScheduledSequence): void {
    if (ticket.isTold) return;
    ticket.isTold = true;
    const { promptTokens } = ticket.request;
    const cachedTokens = sequence.cachedTokens();
    this.totals.promptTokens += promptTokens;
    this.totals.cachedTokens += cachedTokens;
    ticket.events.push({ type: "start", promptTokens, cachedTokens });
  }

  /** A sequence is whole; with the last of its request the request is. */
  private whole(row: number): void {
    const ticket = this.owners.get(row)!;
    const sequence = ticket.rows.get(row)!;
    this.release(ticket, row);
    this.tellStart(ticket, sequence);
    const { events, tokens, wasted } = sequence.finish();
    this.totals.tokens += tokens;
    this.totals.wastedTokens += wasted;
    for (const event of events) ticket.events.push(event);
    if (ticket.left > 0 || ticket.running > 0) return;
    const now = performance.now();
    const began = ticket.began ?? now;
    ticket.events.push({ type: "finish", queued: began - ticket.submitted, worked: now - began });
    this.finishes.push(now);
    if (this.finishes.length > 32) this.finishes.shift();
    this.settle(ticket, "finished");
    ticket.events.end();
  }

  private fail(ticket: Ticket, error: unknown, how: "expired" | "failed"): void {
    if (!this.settle(ticket, how)) return;
    ticket.events.fail(error);
  }

  /** Its client went away. */
  private drop(ticket: Ticket): void {
    if (!this.settle(ticket, "aborted")) return;
    ticket.events.end();
  }

  /** Takes a request out in whatever state it is; false if it is out already. */
  private settle(ticket: Ticket, how: "finished" | "aborted" | "expired" | "failed"): boolean {
    if (!this.tickets.delete(ticket)) return false;
    ticket.unwatch();
    ticket.left = 0;
    for (const [row, { canvas }] of ticket.rows) {
      this.totals.wastedTokens += canvas.revealStep.reduce((sum, step) => sum + Number(step >= 0), 0);
      this.loop.remove(row);
      this.release(ticket, row);
    }
    this.totals[how]++;
    return true;
  }

  private release(ticket: Ticket, row: number): void {
    ticket.rows.delete(row);
    this.owners.delete(row);
    this.reserved -= ticket.request.bytes;
  }
}

const closed = () => new ClosedError("the server is shutting down");
const late = () => new DeadlineError("the request's time ran out; ask for fewer tokens or give it more time");
