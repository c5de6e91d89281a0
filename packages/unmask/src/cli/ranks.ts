// The processes of one job on this machine: rank 0 keeps the terminal, of the others only standard error is shown, with
// the rank in front.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { interruptedExitCode } from "./interrupt.ts";

/** The end of a rank that was none of the orderly ones. */
export interface Death {
  readonly rank: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Of its standard error; none for rank 0, whose are on the terminal. */
  readonly lastLines: readonly string[];
}

export interface Ranks {
  /** The first death; undefined once all have ended well, or as a signal that was passed on asked them to. */
  readonly over: Promise<Death | undefined>;
  /** The first signal that was passed on, if any. */
  readonly interrupted: NodeJS.Signals | undefined;
  /** Passes a signal on to every rank. */
  signal(name: NodeJS.Signals): void;
  /** Asks the remaining ranks to end, kills them after `patience` seconds, and resolves when all are gone. */
  stop(patience: number): Promise<void>;
}

const keptLines = 5;
/** How long the rest of a dead rank's output is waited for, ms: a grandchild may hold the pipe open. */
const drain = 1000;

export function startRanks(
  command: readonly string[],
  count: number,
  environment: (rank: number) => NodeJS.ProcessEnv,
): Ranks {
  const [program, ...args] = command as [string, ...string[]];
  const ranks = Array.from({ length: count }, (_, rank) => {
    const stdio = rank === 0 ? "inherit" : (["ignore", "ignore", "pipe"] as const);
    const child = spawn(program, args, { env: environment(rank), stdio: stdio as "inherit" });
    return { child, end: endOf(rank, child) };
  });
  const running = () =>
    ranks.map(({ child }) => child).filter((child) => child.exitCode === null && child.signalCode === null);
  const state: { interrupted: NodeJS.Signals | undefined } = { interrupted: undefined };
  const ends = ranks.map(({ end }) => end);
  return {
    over: firstDeath(
      ends.map((end) => end.then((death) => (asAsked(death, state.interrupted) ? undefined : death))),
    ),
    get interrupted() {
      return state.interrupted;
    },
    signal: (name) => {
      state.interrupted ??= name;
      for (const child of running()) child.kill(name);
    },
    stop: async (patience) => {
      const all = (name: NodeJS.Signals) => running().forEach((child) => void child.kill(name));
      all("SIGTERM");
      // The first asks a verb to stop where it can be gone on from; it may wait there for the dead rank.
      const timers = [
        setTimeout(all, 200 * patience, "SIGTERM"),
        setTimeout(all, 1000 * patience, "SIGKILL"),
      ];
      await Promise.all(ends);
      timers.forEach(clearTimeout);
    },
  };
}

/** Resolves with the first end that is a death, or with undefined after the last end. */
function firstDeath(ends: readonly Promise<Death | undefined>[]): Promise<Death | undefined> {
  return new Promise((resolve) => {
    for (const end of ends) void end.then((death) => death !== undefined && resolve(death));
    void Promise.all(ends).then(() => resolve(undefined));
  });
}

const asAsked = (death: Death | undefined, interrupted: NodeJS.Signals | undefined): boolean =>
  interrupted !== undefined && (death?.code === interruptedExitCode || death?.signal === interrupted);

/** Undefined when the process ended with exit code 0. */
function endOf(rank: number, child: ChildProcess): Promise<Death | undefined> {
  const lastLines: string[] = [];
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on("line", (line) => {
      process.stderr.write(`[rank ${rank}] ${line}\n`);
      lastLines.push(line);
      if (lastLines.length > keptLines) lastLines.shift();
    });
  }
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ rank, code: null, signal: null, lastLines: [error.message] }));
    child.once("exit", (code, signal) => {
      const end = () => resolve(code === 0 ? undefined : { rank, code, signal, lastLines: [...lastLines] });
      const timer = setTimeout(end, drain);
      child.once("close", () => {
        clearTimeout(timer);
        end();
      });
    });
  });
}
