// One program in one sandbox: starts the command, feeds program and tests, reads the verdict.

import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UnmaskError } from "../base/errors.ts";
import { type Isolation, workFolder } from "./sandbox-isolation.ts";
import { type Limits, supervisorArguments } from "./sandbox-limits.ts";
import { runnerSource } from "./sandbox-runner.ts";
import { supervisorSource } from "./sandbox-supervisor.ts";

/** What is run: program, then tests, compiled apart so that the program cannot swallow the tests. */
export interface Program {
  readonly code: string;
  readonly tests: string;
}

export type Ending =
  | "passed"
  | "raised"
  | "exited"
  | "killed"
  | "timeout"
  | "memory"
  | "output"
  | "disk"
  | "processes"
  /** The sandbox itself went down after the program had begun. */
  | "collapsed";

export interface Outcome {
  readonly ending: Ending;
  /** What was raised: class, where, line, source of the line, message; exit status or signal where it ended so. */
  readonly raised?: Raised;
  readonly status?: number;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  /** The end of what it printed. */
  readonly output: string;
}

export interface Raised {
  readonly error: string;
  readonly where: "program" | "tests" | "";
  readonly line: number;
  readonly source: string;
  readonly message: string;
}

interface Options {
  readonly limits: Limits;
  /** Programs that run at the same time have different slots. */
  readonly slot: number;
}

/** Grace beyond the wall limit before we end the sandbox ourselves. */
const graceSeconds = 5;
const mostOutput = 64 * 1024;

/** Runs a program to its end; throws where the sandbox could not be started. */
export async function runProgram(isolation: Isolation, program: Program, options: Options): Promise<Outcome> {
  const user = isolation.user(options.slot);
  const folder = isolation.name === "none" ? ownFolder(user) : undefined;
  let child: ChildProcess | undefined;
  try {
    child = start(isolation, { ...options, user, folder });
    return await converse(child, program, options.limits);
  } catch (error) {
    if (error instanceof UnmaskError) throw error;
    throw new UnmaskError(
      `the sandbox could not be started: ${(error as Error).message}`,
      {},
      { cause: error },
    );
  } finally {
    if (child !== undefined) end(child);
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function ownFolder(user: number | undefined): string {
  const folder = mkdtempSync(join(tmpdir(), "unmask-"));
  chmodSync(folder, 0o700);
  if (user !== undefined) chownSync(folder, user, user);
  return folder;
}

interface Place extends Options {
  readonly user: number | undefined;
  readonly folder: string | undefined;
}

function start(isolation: Isolation, { limits, slot, user, folder }: Place): ChildProcess {
  const work = folder ?? workFolder;
  const supervisor = [isolation.python.path, "-I", "-S", "-B", "-c", supervisorSource];
  const place = folder === undefined ? "alone" : "open";
  const filter = isolation.filter !== undefined && isolation.filteredBy === "supervisor" ? "filter" : "";
  const rest = [...supervisorArguments(limits), work, place, filter, runnerSource];
  const [command = "", ...args] = [...isolation.command(slot, limits), ...supervisor, ...rest];
  const child = spawn(command, args, {
    cwd: folder ?? "/",
    // Nothing of our own environment; a fixed hash seed makes sets and their order the same in every run.
    env: {
      ...{ PATH: "/usr/local/bin:/usr/bin:/bin", HOME: work, TMPDIR: work, LANG: "C.UTF-8", TZ: "UTC" },
      ...{ PYTHONHASHSEED: "0", PYTHONSAFEPATH: "1", PYTHONIOENCODING: "utf-8" },
    },
    stdio: ["pipe", "pipe", "pipe", isolation.filter === undefined ? "ignore" : "pipe"],
    detached: true,
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
  for (const stream of child.stdio) stream?.on("error", () => undefined); // a closed pipe shows in the verdict
  const third = child.stdio[3];
  if (isolation.filter !== undefined && third !== null && third !== undefined && "end" in third) {
    third.end(isolation.filter);
  }
  return child;
}

/** Ends the whole group; the namespace of processes dies with it. */
function end(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}

async function converse(child: ChildProcess, { code, tests }: Program, limits: Limits): Promise<Outcome> {
  const [first, second] = [Buffer.from(code), Buffer.from(tests)];
  child.stdin?.end(Buffer.concat([Buffer.from(`${first.length} ${second.length}\n`), first, second]));
  const [said, complaint] = [collect(child.stdout), collect(child.stderr)];
  const late = setTimeout(() => end(child), (limits.wallSeconds + graceSeconds) * 1000);
  const failure = await new Promise<Error | undefined>((done) => {
    child.once("error", done);
    child.once("close", () => done(undefined));
  });
  clearTimeout(late);
  const text = said();
  if (failure !== undefined || !text.subarray(0, 6).equals(Buffer.from("ready\n"))) {
    const reason =
      failure?.message ?? (complaint().toString().trim().slice(-500) || `exit ${child.exitCode}`);
    throw new UnmaskError(`the sandbox could not be started: ${reason}`);
  }
  return readVerdict(text.subarray(6));
}

function collect(stream: NodeJS.ReadableStream | null): () => Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  stream?.on("data", (part: Buffer) => {
    if (length < mostOutput) parts.push(part);
    length += part.length;
  });
  return () => Buffer.concat(parts);
}

/** See the head of sandbox-supervisor.ts for the form. */
export function readVerdict(bytes: Buffer): Outcome {
  const head = /^(\w+) ([\d.]+) (\d+) (\d+)\n/.exec(bytes.toString("latin1"));
  if (head === null) return { ending: "collapsed", cpuSeconds: 0, memoryBytes: 0, output: "" };
  const [line, ending = "", seconds, memory, size] = head;
  const report = bytes.subarray(line.length, line.length + Number(size)).toString();
  const output = bytes.subarray(line.length + Number(size)).toString();
  const common = { cpuSeconds: Number(seconds), memoryBytes: Number(memory), output };
  if (ending === "raised") return { ...common, ending, raised: readRaised(report) };
  if (ending === "exited" || ending === "killed") return { ...common, ending, status: Number(report) };
  return { ...common, ending: ending as Ending };
}

function readRaised(report: string): Raised {
  const [error = "", where = "", line = "", source = "", ...message] = report.split("\n");
  const place = where === "program" || where === "tests" ? where : "";
  return { error, where: place, line: Number(line) || 0, source, message: message.join("\n").trim() };
}
