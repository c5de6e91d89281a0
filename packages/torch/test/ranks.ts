// Real processes of one job on this machine: an ES module given as text, run once for each rank.

import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { expect } from "vitest";
import { childScript } from "./helpers.ts";

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RankOptions {
  /** Changes of the environment by rank. */
  environment?: (rank: number) => Record<string, string>;
  port?: number;
  /** Called with each line of a rank's output. */
  onLine?: (rank: number, line: string, processes: readonly ChildProcess[]) => void;
}

const running = new Set<ChildProcess>();
// Not after all tests of a file: several files share this module.
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A port nobody listens on now. */
export function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** What initDistributed is given in tests: everything goes wrong within seconds. */
const preamble = `
const options = { joinTimeout: 30, heartbeatTimeout: 3, timeout: Number(process.env.TEST_TIMEOUT ?? 30) };
const report = (value) => process.stdout.write(JSON.stringify(value) + "\\n");
`;

/** Runs the module in `count` processes with torchrun's variables; resolves when all have ended. */
export async function runRanks(
  count: number,
  script: string,
  { environment, port, onLine }: RankOptions = {},
): Promise<Ended[]> {
  const chosen = port ?? (await freePort());
  const processes: ChildProcess[] = [];
  const ends = Array.from({ length: count }, (_, rank) => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", childScript(preamble + script)], {
      env: {
        ...process.env,
        OMP_NUM_THREADS: "1",
        RANK: String(rank),
        LOCAL_RANK: String(rank),
        WORLD_SIZE: String(count),
        MASTER_ADDR: "127.0.0.1",
        MASTER_PORT: String(chosen),
        ...environment?.(rank),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    processes.push(child);
    return ending(child, (line) => onLine?.(rank, line, processes));
  });
  return Promise.all(ends);
}

function ending(child: ChildProcess, onLine: (line: string) => void): Promise<Ended> {
  running.add(child);
  let [stdout, stderr, seen] = ["", "", 0];
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    const lines = stdout.split("\n");
    for (; seen < lines.length - 1; seen++) onLine(lines[seen]!);
  });
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.once("close", (status, signal) => {
      running.delete(child);
      resolve({ status, signal, stdout, stderr });
    });
  });
}

/** The last line of each rank's output as JSON; the test fails if a rank did. */
export async function rankResults(
  count: number,
  script: string,
  options: RankOptions = {},
): Promise<unknown[]> {
  const ends = await runRanks(count, script, options);
  for (const [rank, { status, signal, stderr }] of ends.entries()) {
    expect({ rank, status, signal, stderr: status === 0 ? "" : stderr }).toEqual({
      rank,
      status: 0,
      signal: null,
      stderr: "",
    });
  }
  return ends.map(({ stdout }) => JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
}
