// What the two threads say to each other. Plain data: requests and events are so by design, errors are taken apart here
// and put together again on the other side.

import {
  CheckpointError,
  ConfigError,
  DataError,
  type ErrorData,
  isUnmaskError,
  UnmaskError,
  UnsupportedError,
  UsageError,
} from "../../base/errors.ts";
import type { EngineEvent, EngineModel, EngineRequest, EngineStats } from "../engine.ts";
import type { EngineOptions } from "../engine-options.ts";
import { ClosedError, DeadlineError, OverloadedError } from "../errors.ts";

/** What the thread is started with; `model` is a folder. */
export type WorkerData = EngineOptions;

export type ToWorker =
  | { readonly type: "submit"; readonly id: number; readonly request: EngineRequest }
  | { readonly type: "leave"; readonly id: number }
  | { readonly type: "stats"; readonly id: number }
  | { readonly type: "close"; readonly within: number };

/** What happened to a request: an event, or its end. */
export type News =
  | { readonly id: number; readonly event: EngineEvent }
  | { readonly id: number; readonly end: true }
  | { readonly id: number; readonly error: PlainError };

export type FromWorker =
  | { readonly type: "ready"; readonly model: EngineModel }
  | { readonly type: "failed"; readonly error: PlainError }
  /** Of one step, of all requests. */
  | { readonly type: "news"; readonly news: readonly News[] }
  | { readonly type: "stats"; readonly id: number; readonly stats: EngineStats }
  | { readonly type: "closed" };

export interface PlainError {
  /** "" for what is no error of ours. */
  readonly name: string;
  readonly message: string;
  readonly data: ErrorData;
  readonly stack: string | undefined;
}

const classes = {
  ...{ UnmaskError, UsageError, ConfigError, DataError, CheckpointError, UnsupportedError },
  ...{ DeadlineError, ClosedError },
};

export function plainError(error: unknown): PlainError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (!isUnmaskError(error)) return { name: "", message, data: {}, stack };
  return { name: error.name, message, data: cloneable(error.data), stack };
}

/** What cannot cross is left out. */
function cloneable(data: ErrorData): ErrorData {
  try {
    return structuredClone(data);
  } catch {
    return {};
  }
}

export function errorOf({ name, message, data, stack }: PlainError): Error {
  const error = made(name, message, data);
  if (stack !== undefined) error.stack = stack;
  return error;
}

function made(name: string, message: string, data: ErrorData): Error {
  if (name === "OverloadedError") return new OverloadedError(message, data.retryAfter as number);
  if (name === "") return new Error(message);
  return new (classes[name as keyof typeof classes] ?? UnmaskError)(message, data);
}
