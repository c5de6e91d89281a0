// Trying again: after what may pass (a broken connection, silence, 429, 5xx) and never after a refusal.

import { UnmaskError } from "../base/errors.ts";
import type { HubSettings } from "./settings.ts";

/** A failure that may pass. Never leaves this folder: `retrying` turns the last one into an UnmaskError. */
export class Transient extends Error {
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    { retryAfterMs, cause }: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.retryAfterMs = retryAfterMs;
  }
}

export interface RetryOptions {
  settings: HubSettings;
  signal?: AbortSignal | undefined;
  /** Begins the message of the last failure. */
  what: string;
  /** Whether the last try brought something new; the count of failures then begins again. */
  hasProgressed?: () => boolean;
}

const longestPauseMs = 30_000;
// A server that asks for more than that is told of, not waited for.
const longestWaitMs = 300_000;

export async function retrying<T>(
  attempt: () => Promise<T>,
  { settings, signal, what, hasProgressed = () => false }: RetryOptions,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      if (hasProgressed()) failures = 1;
      const { retryAfterMs, message } = error;
      if (retryAfterMs !== undefined && retryAfterMs > longestWaitMs) {
        const seconds = Math.ceil(retryAfterMs / 1000);
        const advice = "run it again then; complete files stay in the cache";
        throw new UnmaskError(
          `${what}: ${message} and asks to wait ${seconds} s; ${advice}`,
          {},
          { cause: error },
        );
      }
      if (failures >= settings.attempts) throw lastFailure(what, error, settings);
      await pause(retryAfterMs ?? pauseAfter(failures, settings), signal);
    }
  }
}

function lastFailure(what: string, error: Transient, { attempts, endpoint }: HubSettings): UnmaskError {
  const advice =
    "what has come so far is kept, so run it again, or set HF_HUB_OFFLINE=1 to use what the cache holds";
  const message = `${what}: ${error.message}, ${attempts} times; check the network and the address ${endpoint} (HF_ENDPOINT); ${advice}`;
  return new UnmaskError(message, { endpoint }, { cause: error });
}

// A random part keeps many machines that were cut off together from coming back together.
function pauseAfter(failures: number, { retryDelayMs }: HubSettings): number {
  return Math.min(retryDelayMs * 2 ** (failures - 1), longestPauseMs) * (0.75 + Math.random() / 2);
}

/** Seconds or a date, in milliseconds from now. */
export function readRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value.trim()) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : undefined;
}

export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
