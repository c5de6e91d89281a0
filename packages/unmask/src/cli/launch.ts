// `unmask launch`: the same verb in N processes of this machine, with the variables that torchrun sets.

import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { UnmaskError, UsageError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { interruptedExitCode } from "./interrupt.ts";
import { type Death, type Ranks, startRanks } from "./ranks.ts";

export interface LaunchOptions {
  readonly nproc?: number;
  readonly masterPort?: number;
}

/** `verbs` are the names that may be launched. Returns the exit code. */
export async function launchVerb(
  args: readonly string[],
  options: LaunchOptions,
  verbs: readonly string[],
): Promise<number> {
  if (options.nproc === undefined) {
    throw new UsageError("launch needs --nproc N, as in unmask launch --nproc 2 -- train --data book.txt");
  }
  const [verb] = args;
  if (verb === undefined) {
    throw new UsageError(
      `nothing to launch; give a verb after --, as in unmask launch --nproc ${options.nproc} -- train --data book.txt`,
    );
  }
  if (verb === "launch" || !verbs.includes(verb)) {
    throw new UsageError(`launch cannot run "${verb}"${didYouMean(verb, verbs)}; see unmask --help`);
  }
  const program = fileURLToPath(new URL("../../bin/unmask.mjs", import.meta.url));
  return launch([process.execPath, ...process.execArgv, program, ...args], {
    nproc: options.nproc,
    port: options.masterPort ?? (await freePort()),
  });
}

export interface Launch {
  nproc: number;
  port: number;
  /** Seconds that ranks have to end by themselves after one has died (15). */
  patience?: number | undefined;
}

/** Runs a command in `nproc` processes; throws when one dies. */
export async function launch(
  command: readonly string[],
  { nproc, port, patience = 15 }: Launch,
): Promise<number> {
  const ranks = startRanks(command, nproc, (rank) => environmentOf(rank, nproc, port));
  const release = forwardSignals(ranks);
  try {
    const death = await ranks.over;
    if (death !== undefined) {
      await ranks.stop(patience);
      throw describeDeath(death, nproc);
    }
    return ranks.interrupted === undefined ? 0 : interruptedExitCode;
  } finally {
    release();
  }
}

export function environmentOf(
  rank: number,
  nproc: number,
  port: number,
  given: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const threads = Math.max(1, Math.floor(availableParallelism() / nproc));
  return {
    ...given,
    RANK: String(rank),
    LOCAL_RANK: String(rank),
    WORLD_SIZE: String(nproc),
    LOCAL_WORLD_SIZE: String(nproc),
    MASTER_ADDR: "127.0.0.1",
    MASTER_PORT: String(port),
    OMP_NUM_THREADS: given.OMP_NUM_THREADS || String(threads),
  };
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: 0 }, () => {
      const address = server.address();
      const port = address !== null && typeof address === "object" ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** A terminal signals the whole group, others only us: verbs take the second of two at once for an echo. */
function forwardSignals(ranks: Ranks): () => void {
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const handlers = names.map((name) => [name, () => ranks.signal(name)] as const);
  for (const [name, handler] of handlers) process.on(name, handler);
  return () => {
    for (const [name, handler] of handlers) process.removeListener(name, handler);
  };
}

function describeDeath({ rank, code, signal, lastLines }: Death, nproc: number): UnmaskError {
  const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
  const memory = signal === "SIGKILL" ? " (the system does that when memory runs out)" : "";
  const others = nproc === 1 ? "" : "; the other ranks were stopped";
  const words = lastLines.map((line) => `\n  ${line}`).join("");
  const error = new UnmaskError(
    `rank ${rank} of ${nproc} ${how}${memory}${others}${words === "" ? "" : `. Its last words:${words}`}`,
    { rank, code, signal },
  );
  // Wrong use stays wrong use, whoever found it out.
  return code === 2 ? new UsageError(error.message, error.data) : error;
}
