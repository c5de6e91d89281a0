// What a program in the sandbox may use.

export interface Limits {
  /** Seconds of its own: running or asleep, but not waiting for a processor that others use. */
  readonly seconds: number;
  /** Seconds on the clock, whatever the reason. */
  readonly wallSeconds: number;
  /** Of all its processes together, files it wrote included. */
  readonly memoryBytes: number;
  /** Printed, both streams together. */
  readonly outputBytes: number;
  /** Of all files it wrote. */
  readonly diskBytes: number;
  /** Processes and threads at a time. */
  readonly processes: number;
  /** Open files of one process. */
  readonly openFiles: number;
}

const mebibyte = 2 ** 20;

/** Three seconds are the public rule of HumanEval (its `check_correctness`), where nothing else runs. */
export const defaultLimits: Limits = {
  seconds: 3,
  wallSeconds: 20,
  memoryBytes: 512 * mebibyte,
  outputBytes: 4 * mebibyte,
  diskBytes: 32 * mebibyte,
  processes: 32,
  openFiles: 64,
};

/** The first arguments of the supervisor. Address space is looser than memory: it counts what is only reserved. */
export function supervisorArguments(limits: Limits): string[] {
  const { seconds, wallSeconds, memoryBytes, outputBytes, diskBytes, processes, openFiles } = limits;
  const space = memoryBytes + 256 * mebibyte;
  return [seconds, wallSeconds, memoryBytes, space, outputBytes, diskBytes, processes, openFiles].map(String);
}
