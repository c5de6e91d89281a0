// The errors a user can meet. Five classes name whose mistake it is; their parent stands for what fails while running.
//
//   UsageError        wrong call of a verb or function          exit 2
//   ConfigError       a wrong value in a recipe or option       exit 2
//   DataError         a data file that cannot be used           exit 2
//   CheckpointError   a checkpoint that cannot be used          exit 2
//   UnsupportedError  a right request that we do not serve      exit 2
//   UnmaskError       a failure while running (full disk, ...)  exit 1
//
// The message is one sentence: where, what was found, what was expected, how to mend it. `data` holds the offending
// values for programs. A marker symbol in the global registry lets `isUnmaskError` know an error that comes from
// another copy of this package, where `instanceof` would not. Our own bugs are no UnmaskError: see `invariant`.

const marker = Symbol.for("unmask.error");

export type ErrorData = Readonly<Record<string, unknown>>;

export class UnmaskError extends Error {
  override readonly name: string = "UnmaskError";
  readonly exitCode: 1 | 2 = 1;
  readonly data: ErrorData;

  constructor(message: string, data: ErrorData = {}, options: ErrorOptions = {}) {
    super(message, options);
    this.data = data;
    Object.defineProperty(this, marker, { value: true });
  }

  toJSON(): { name: string; message: string; exitCode: number; data: ErrorData } {
    return { name: this.name, message: this.message, exitCode: this.exitCode, data: this.data };
  }
}

export class UsageError extends UnmaskError {
  override readonly name = "UsageError";
  override readonly exitCode = 2;
}

export class ConfigError extends UnmaskError {
  override readonly name = "ConfigError";
  override readonly exitCode = 2;
}

export class DataError extends UnmaskError {
  override readonly name = "DataError";
  override readonly exitCode = 2;
}

export class CheckpointError extends UnmaskError {
  override readonly name = "CheckpointError";
  override readonly exitCode = 2;
}

export class UnsupportedError extends UnmaskError {
  override readonly name = "UnsupportedError";
  override readonly exitCode = 2;
}

/** True for any error of this file, also one thrown by another copy of the package. */
export function isUnmaskError(error: unknown): error is UnmaskError {
  return error instanceof Error && (error as { [marker]?: unknown })[marker] === true;
}

/** States what must hold if our own code is right; its failure is a bug here, never the user's mistake. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Internal error, please report it: ${message}`);
}
