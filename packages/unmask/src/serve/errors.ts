// What can happen to a request besides a mistake of its own.

import { UnmaskError } from "../base/errors.ts";

/** The queue is full; `retryAfter` is in whole seconds. */
export class OverloadedError extends UnmaskError {
  override readonly name = "OverloadedError";
  readonly retryAfter: number;

  constructor(message: string, retryAfter: number) {
    super(message, { retryAfter });
    this.retryAfter = retryAfter;
  }
}

/** The request's time ran out, in the queue or at work. */
export class DeadlineError extends UnmaskError {
  override readonly name = "DeadlineError";
}

/** The server is shutting down. */
export class ClosedError extends UnmaskError {
  override readonly name = "ClosedError";
}
