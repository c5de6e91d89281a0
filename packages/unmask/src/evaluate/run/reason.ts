// Errors between processes: a sentence and whose mistake it was.

import { isUnmaskError, UnmaskError, UsageError } from "../../base/errors.ts";

export interface Reason {
  readonly message: string;
  readonly exitCode: 1 | 2;
}

export function reasonOf(error: unknown): Reason {
  if (isUnmaskError(error)) return { message: error.message, exitCode: error.exitCode };
  return { message: error instanceof Error ? error.message : String(error), exitCode: 1 };
}

/** What another process could not do, to be thrown here. */
export const errorOf = ({ message, exitCode }: Reason): UnmaskError =>
  exitCode === 2 ? new UsageError(message) : new UnmaskError(message);
