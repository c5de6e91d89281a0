// What the endpoints stand on, and what is known of one exchange of request and answer.

import type { Logger } from "pino";
import type { Engine } from "../engine.ts";
import type { Limits } from "./limits.ts";
import type { Metrics } from "./metrics.ts";

export interface Service {
  readonly engine: Engine;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Seconds since 1970. */
  readonly started: number;
  /** Nothing new is taken any more. */
  isClosing(): boolean;
}

export interface Exchange {
  readonly requestId: string;
  /** Who asks, for a fair share: the key, or else the address. */
  readonly client: () => string;
  readonly log: Logger;
  /** Ends the work: the client went away, or one part failed. */
  readonly controller: AbortController;
  /** Whether it was the client. */
  readonly isGone: () => boolean;
  /** Milliseconds since the request came. */
  readonly elapsed: () => number;
  /** Called by an answer that goes on after its headers; the exchange is over when it calls what it gets. */
  readonly goesOn: () => (status: number) => void;
}

/** What the port knows of a request. */
export interface Connection {
  readonly address?: string | undefined;
}

/** Nobody reads it; the number stands in log and metrics. */
export const clientGone = 499;
