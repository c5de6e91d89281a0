// Errors between processes: a sentence and whose mistake it was.

import { isUnmaskError } from "../../base/errors.ts";

export function reasonOf(error: unknown): { message: string; exitCode: 1 | 2 } {
  if (isUnmaskError(error)) return { message: error.message, exitCode: error.exitCode };
  return { message: error instanceof Error ? error.message : String(error), exitCode: 1 };
}
