// What a failed command says: one sentence on stderr, and the exit code (1 failed while running, 2 wrong use).

import { isUnmaskError } from "../base/errors.ts";

export interface Report {
  readonly message: string;
  readonly exitCode: number;
}

/** Errors of the engine know their sentence but not whose mistake it was: that is decided before the engine is asked. */
const engineErrors: readonly string[] = ["TorchError", "SafetensorsError"];

export function reportOf(error: unknown): Report {
  if (isUnmaskError(error)) return { message: error.message, exitCode: error.exitCode };
  if (!(error instanceof Error)) return { message: internal(String(error)), exitCode: 1 };
  if (error.name === "DistributedError") {
    return { message: error.message, exitCode: (error as { wrongUse?: boolean }).wrongUse === true ? 2 : 1 };
  }
  if (engineErrors.includes(error.name)) return { message: error.message, exitCode: 1 };
  if (error.message.startsWith("The libtorch addon could not be loaded")) {
    return { message: error.message, exitCode: 1 };
  }
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code !== undefined && syscall !== undefined) return { message: systemFailure(error), exitCode: 1 };
  return { message: internal(error.message), exitCode: 1 };
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: "free some space or choose another disk",
  EDQUOT: "free some of your quota or choose another disk",
  EACCES: "check the permissions",
  EROFS: "choose a folder that can be written to",
  ENOENT: "check the path",
  EMFILE: "raise the limit of open files (ulimit -n)",
};

function systemFailure(error: NodeJS.ErrnoException): string {
  const remedy = remedies[error.code ?? ""];
  const at = error.path === undefined ? "" : `${error.path}: `;
  return `${at}the system refused "${error.syscall}" (${error.code})${remedy === undefined ? "" : `; ${remedy}`}`;
}

function internal(message: string): string {
  const [line] = message.replace(/^Internal error, please report it: /, "").split("\n");
  const what = (line ?? "").trim() || "unknown";
  return `internal error: ${what}; please report it with what the same command prints with --verbose`;
}
