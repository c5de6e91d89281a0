// The sandbox: runs generated Python programs, several at a time, results in the order of the programs. Without an
// isolation that works it refuses, unless told otherwise.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UnmaskError, UnsupportedError } from "../base/errors.ts";
import { candidates, type Isolation, type IsolationName, withoutIsolation } from "./sandbox-isolation.ts";
import { defaultLimits, type Limits } from "./sandbox-limits.ts";
import { type Outcome, type Program, runProgram } from "./sandbox-process.ts";

export interface SandboxOptions {
  /** Run even where nothing isolates the programs from this machine. */
  readonly unsafe?: boolean;
  readonly limits?: Partial<Limits>;
  /** Programs at a time. */
  readonly concurrency?: number;
  /** This one, tried or not (for tests). */
  readonly isolation?: Isolation;
}

export interface Sandbox {
  readonly isolation: IsolationName;
  readonly limits: Limits;
  runAll(programs: readonly Program[], onEnd?: (outcome: Outcome, index: number) => void): Promise<Outcome[]>;
}

export interface IsolationReport {
  readonly name: IsolationName;
  /** With a filter of system calls. */
  readonly filtered: boolean;
  /** The interpreter of generated programs; null where there is no isolation. */
  readonly python: string | null;
  /** Why stronger ways were not taken, or why there is none. */
  readonly rejected: readonly string[];
}

/** How an isolation can be had here. */
function remedy(rejected: readonly string[]): string {
  if (process.platform !== "linux") return "run it on Linux";
  if (rejected.includes(notInstalled)) {
    return "install bubblewrap (on Debian and Ubuntu `npm run build` does, or: sudo apt-get install bubblewrap)";
  }
  const ubuntu = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
  if (existsSync(ubuntu) && readFileSync(ubuntu, "utf8").trim() === "1") {
    return "allow user namespaces (sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0)";
  }
  return "allow user namespaces (containers: start them with --security-opt seccomp=unconfined, or as privileged)";
}

const notInstalled = "bubblewrap (bwrap) is not installed";

/** Finds the isolation by trying it. Throws an UnsupportedError where there is none and `unsafe` is not set. */
export async function openSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const limits = { ...defaultLimits, ...options.limits };
  const isolation = options.isolation ?? (await choose(options.unsafe ?? false));
  const concurrency = Math.max(1, options.concurrency ?? 8);
  return {
    isolation: isolation.name,
    limits,
    runAll: (programs, onEnd) => runInOrder(isolation, programs, { limits, concurrency, onEnd }),
  };
}

/** For `unmask doctor`. */
export async function describeIsolation(): Promise<IsolationReport> {
  const { isolation, rejected } = await probe();
  return {
    name: isolation?.name ?? "none",
    filtered: isolation?.filter !== undefined,
    python: isolation?.python.path ?? null,
    rejected,
  };
}

async function choose(unsafe: boolean): Promise<Isolation> {
  const { isolation, rejected } = await probe();
  if (isolation !== undefined) return isolation;
  if (unsafe) return withoutIsolation();
  throw new UnsupportedError(
    `generated programs are not run without isolation, and here ${rejected.join("; ")}: ${remedy(rejected)}, ` +
      "or give --unsafe to run them unprotected",
    { rejected },
  );
}

interface Probed {
  readonly isolation: Isolation | undefined;
  readonly rejected: readonly string[];
}

let probed: Promise<Probed> | undefined;

/** Tried once a process: a working isolation does not go away. */
function probe(): Promise<Probed> {
  probed ??= tryAll();
  return probed;
}

async function tryAll(): Promise<Probed> {
  if (process.platform !== "linux") {
    return { isolation: undefined, rejected: [`isolation exists on Linux only, not on ${process.platform}`] };
  }
  const rejected: string[] = [];
  try {
    for (const isolation of candidates()) {
      const hole = await findHole(isolation);
      if (hole === undefined) return { isolation, rejected };
      rejected.push(`${isolation.name} does not work (${hole})`);
    }
  } catch (error) {
    if (!(error instanceof UnmaskError)) throw error;
    return { isolation: undefined, rejected: [error.message] };
  }
  if (!rejected.some((one) => one.startsWith("bubblewrap"))) rejected.push(notInstalled);
  return { isolation: undefined, rejected };
}

/** What must not work inside; a file of ours on the host must not be seen. */
const probeProgram = (canary: string): string => `
import os
def fails(work):
    try:
        work()
    except OSError:
        return True
    return False
assert not os.path.exists(${JSON.stringify(canary)}), "files of this machine are visible"
assert os.getppid() == 1, "processes of this machine are visible"
assert os.getuid() != 0, "programs run as root"
assert len([line for line in open("/proc/net/dev") if ":" in line]) <= 1, "the network is there"
assert fails(lambda: open("/proc/1/mem", "rb+")), "the supervisor's memory is open"
for folder in ["/", "/dev", "/usr", "/usr/lib", "/etc"]:
    assert fails(lambda: open(folder + "/unmask-probe", "w")), folder + " can be written to"
open("probe", "w").write("x")
`;

/** Why an isolation cannot be trusted here, or undefined. */
export async function findHole(isolation: Isolation): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "unmask-probe-"));
  try {
    const program = { code: probeProgram(folder), tests: "" };
    const limits = { ...defaultLimits, seconds: 10 };
    const { ending, raised } = await runProgram(isolation, program, { limits, slot: 0 });
    if (ending === "passed") return undefined;
    return ending === "raised" ? `${raised?.message || raised?.error}` : `the trial ended with ${ending}`;
  } catch (error) {
    if (!(error instanceof UnmaskError)) throw error;
    return error.message;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Run {
  readonly limits: Limits;
  readonly concurrency: number;
  readonly onEnd: ((outcome: Outcome, index: number) => void) | undefined;
}

async function runInOrder(
  isolation: Isolation,
  programs: readonly Program[],
  { limits, concurrency, onEnd }: Run,
): Promise<Outcome[]> {
  const outcomes = new Array<Outcome>(programs.length);
  let next = 0;
  const work = async (slot: number): Promise<void> => {
    while (next < programs.length) {
      const index = next++;
      const outcome = await runPatiently(isolation, programs[index]!, { limits, slot });
      outcomes[index] = outcome;
      onEnd?.(outcome, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, programs.length) }, (_, slot) => work(slot)));
  return outcomes;
}

const pauses = [200, 1000, 3000];

/** A sandbox that does not start is the machine's mishap (memory, processes), never the program's: it is tried again. */
async function runPatiently(
  isolation: Isolation,
  program: Program,
  options: { readonly limits: Limits; readonly slot: number },
): Promise<Outcome> {
  for (const pause of pauses) {
    try {
      return await runProgram(isolation, program, options);
    } catch {
      await new Promise((done) => setTimeout(done, pause));
    }
  }
  return runProgram(isolation, program, options);
}
