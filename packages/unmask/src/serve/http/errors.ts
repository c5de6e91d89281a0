// What a client is told when a request fails, in the shape of OpenAI's errors. Nothing from inside the server is in it.

import { isUnmaskError, type UnmaskError } from "../../base/errors.ts";
import { ClosedError, DeadlineError, OverloadedError } from "../errors.ts";

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

interface Details {
  /** The field that is wrong, such as `messages.0.content`. */
  readonly param?: string | undefined;
  readonly code?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

const types: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  408: "timeout_error",
  429: "rate_limit_error",
  500: "server_error",
  503: "server_error",
};

/** Longest message and name of a field that is sent back: both may hold what the client wrote. */
const longest = { message: 400, param: 100 };

/** An answer other than 2xx. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly param: string | undefined;
  readonly code: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, { param, code, headers = {} }: Details = {}) {
    super(short(message, longest.message));
    this.status = status;
    this.param = param === undefined ? undefined : short(param, longest.param);
    this.code = code;
    this.headers = headers;
  }

  get body(): ErrorBody {
    const type = types[this.status] ?? "invalid_request_error";
    return { error: { message: this.message, type, param: this.param ?? null, code: this.code ?? null } };
  }
}

/** A field that cannot be served as it is; the message names it if it does not yet. */
export function badField(param: string, message: string, code?: string): ApiError {
  const name = short(param, longest.param);
  return new ApiError(400, message.startsWith(name) ? message : `${name}: ${message}`, { param, code });
}

/** What a client wrote, fit for a message. */
export function short(text: string, length = 60): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** What the client is told of any error; `requestId` is how a 500 is found in the log. */
export function toApiError(error: unknown, requestId: string): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof OverloadedError) {
    const headers = { "retry-after": String(error.retryAfter) };
    return new ApiError(429, error.message, { code: "overloaded", headers });
  }
  // Clients repeat a 408 by themselves, and the same work would run out of time again.
  if (error instanceof DeadlineError) {
    return new ApiError(408, error.message, { code: "deadline", headers: { "x-should-retry": "false" } });
  }
  if (error instanceof ClosedError) {
    return new ApiError(503, "the server is shutting down; try again", {
      code: "closing",
      headers: { "retry-after": "1" },
    });
  }
  if (isUnmaskError(error) && clientErrors.includes(error.name)) {
    return new ApiError(400, error.message, { param: paramOf(error) });
  }
  return new ApiError(500, `something failed inside; the log has it under ${requestId}`, {
    code: "internal",
  });
}

const clientErrors: readonly string[] = ["UsageError", "ConfigError", "UnsupportedError"];

/** Errors of generation name an option in their data, or at least in their sentence. */
function paramOf({ data, message }: UnmaskError): string | undefined {
  if (typeof data.param === "string") return data.param;
  if (data.option === "structure") return "response_format"; // as OpenAI calls it
  if (typeof data.option === "string") return data.option;
  return fields.find((one) => Object.hasOwn(data, one)) ?? fields.find((one) => message.includes(one));
}

const fields: readonly string[] = [
  ...["decoder", "max_new_tokens", "response_format", "top_logprobs", "suffix", "stop", "seed", "messages"],
  "prompt",
];
