// Events of one request on their way to whoever reads them: pushed as they come, pulled when they are wanted. A reader
// that is slow loses drafts, for the newest replaces the one before it, and nothing else.

import type { EngineEvent } from "./engine.ts";

export class EventQueue implements AsyncIterableIterator<EngineEvent> {
  private readonly events: EngineEvent[] = [];
  private waiting: { resolve(result: IteratorResult<EngineEvent>): void; reject(error: unknown): void }[] =
    [];
  private ended = false;
  private error: { readonly value: unknown } | undefined;
  private readonly onLeave: () => void;

  /** `onLeave` is called when the reader leaves before the end. */
  constructor(onLeave: () => void) {
    this.onLeave = onLeave;
  }

  push(event: EngineEvent): void {
    if (this.ended) return;
    const reader = this.waiting.shift();
    if (reader !== undefined) reader.resolve({ value: event, done: false });
    else this.hold(event);
  }

  private hold(event: EngineEvent): void {
    const stale = event.type === "canvas" ? this.events.findIndex(isDraftOf(event.index)) : -1;
    if (stale >= 0) this.events.splice(stale, 1);
    this.events.push(event);
  }

  /** What was pushed can still be read. */
  end(): void {
    this.ended = true;
    for (const { resolve } of this.waiting.splice(0)) resolve({ value: undefined, done: true });
  }

  /** Thrown once, behind what was pushed. */
  fail(value: unknown): void {
    if (this.ended) return;
    this.ended = true;
    const [first, ...others] = this.waiting.splice(0);
    if (first === undefined) this.error = { value };
    else first.reject(value);
    for (const { resolve } of others) resolve({ value: undefined, done: true });
  }

  next(): Promise<IteratorResult<EngineEvent>> {
    const event = this.events.shift();
    if (event !== undefined) return Promise.resolve({ value: event, done: false });
    const { error } = this;
    this.error = undefined;
    if (error !== undefined) return Promise.reject(error.value);
    if (this.ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<EngineEvent>> {
    this.events.length = 0;
    this.error = undefined;
    if (!this.ended) this.onLeave();
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const isDraftOf =
  (index: number) =>
  (event: EngineEvent): boolean =>
    event.type === "canvas" && event.index === index;
