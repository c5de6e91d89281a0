import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attemptHead, attempts, cheats, gluttons, leavers, tests } from "../../test/sandbox/hostile.ts";
import { describeIsolation, findHole, openSandbox, type Sandbox } from "./sandbox.ts";
import { candidates, withoutIsolation } from "./sandbox-isolation.ts";
import { type Outcome, readVerdict } from "./sandbox-process.ts";
import { seccompFilter } from "./sandbox-seccomp.ts";

const { name, rejected } = await describeIsolation();
const why = name === "none" ? ` (skipped: ${rejected.join("; ")})` : "";
const mebibyte = 2 ** 20;
const limits = { seconds: 1, wallSeconds: 15, memoryBytes: 160 * mebibyte };

/** Processes of any sandbox, and what the leavers start. */
function sandboxProcesses(): string[] {
  return readdirSync("/proc")
    .filter((one) => /^\d+$/.test(one))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return line.includes("def run(os, sys):") || line.includes("sleep\u000098765");
      } catch {
        return false;
      }
    });
}

async function gone(before: readonly string[]): Promise<string[]> {
  for (let tries = 0; tries < 50; tries++) {
    const left = sandboxProcesses().filter((pid) => !before.includes(pid));
    if (left.length === 0) return [];
    await new Promise((done) => setTimeout(done, 40));
  }
  return sandboxProcesses().filter((pid) => !before.includes(pid));
}

describe.skipIf(name === "none")(`the sandbox${why}`, () => {
  let sandbox: Sandbox;
  let folder: string;
  let servers: Server[];
  let connections = 0;
  let port = 0;
  const before = name === "none" ? [] : sandboxProcesses();
  const temporary = (): string[] =>
    readdirSync(tmpdir()).filter((one) => /^unmask-(probe-)?\w{6}$/.test(one));
  const filesBefore = name === "none" ? [] : temporary();

  beforeAll(async () => {
    sandbox = await openSandbox({ limits });
    folder = mkdtempSync(join(tmpdir(), "hostile-"));
    writeFileSync(join(folder, "secret"), "unchanged", { mode: 0o666 });
    process.env.UNMASK_TEST_SECRET = "SECRET";
    servers = [createServer(() => connections++), createServer(() => connections++)];
    await new Promise<void>((done) => servers[0]!.listen(0, "127.0.0.1", done));
    await new Promise<void>((done) => servers[1]!.listen(join(folder, "socket"), done));
    const address = servers[0]!.address();
    port = typeof address === "object" && address !== null ? address.port : 0;
  });

  afterAll(async () => {
    delete process.env.UNMASK_TEST_SECRET;
    expect(await gone(before)).toEqual([]);
    expect(connections).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(["secret", "socket"]);
    expect(readFileSync(join(folder, "secret"), "utf8")).toBe("unchanged");
    expect(temporary().filter((one) => !filesBefore.includes(one))).toEqual([]);
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true });
  });

  async function runAll(programs: Readonly<Record<string, string>>, within: Sandbox = sandbox) {
    const outcomes = await within.runAll(
      Object.values(programs).map((code) => ({ code: `${code}\n`, tests })),
    );
    return Object.keys(programs).map((title, at) => ({ title, ...outcomes[at]! }));
  }

  test("lets honest programs pass, in order, several at a time", async () => {
    const right = { code: "def f(x):\n    return x + 1\n", tests };
    const honest: Record<string, string> = {
      plain: "def f(x): return x + 1",
      modules:
        "import collections, heapq, itertools, math, re, json, random, dataclasses, typing\ndef f(x): return x + 1",
      threads:
        "from concurrent.futures import ThreadPoolExecutor as Pool\ndef f(x): return list(Pool(4).map(lambda y: y + 1, [x]))[0]",
      files:
        "import tempfile\ndef f(x):\n    with tempfile.TemporaryFile() as file:\n        file.write(b'x' * x)\n        return file.tell() + 1",
      processes: "import subprocess\ndef f(x): return len(subprocess.check_output(['echo', 'x' * x]))",
      multiprocessing:
        "import multiprocessing\ncontext = multiprocessing.get_context('fork')\ndef f(x):\n    queue = context.Queue()\n    one = context.Process(target=queue.put, args=(x + 1,))\n    one.start()\n    return queue.get()",
      output: "def f(x):\n    print('x' * 100000)\n    return x + 1",
      memory: "def f(x):\n    kept = bytearray(50 << 20)\n    return x + len(kept) - (50 << 20) + 1",
      recursion: "def g(n): return 0 if n == 0 else 1 + g(n - 1)\ndef f(x): return g(900) - 900 + x + 1",
      surrogates: "def f(x): return x + len('\\ud800')",
    };
    const outcomes = await runAll(honest);
    expect(outcomes.filter(({ ending }) => ending !== "passed")).toEqual([]);
    const mixed = Array.from({ length: 12 }, (_, at) =>
      at % 3 === 0 ? { ...right, code: `raise KeyError(${at})` } : right,
    );
    const ended = await sandbox.runAll(mixed);
    expect(ended.map(({ ending }) => ending)).toEqual(
      mixed.map((_, at) => (at % 3 === 0 ? "raised" : "passed")),
    );
    expect(ended[9]?.raised).toMatchObject({ error: "KeyError", where: "program", line: 1, message: "9" });
  });

  test(`${Object.keys(cheats).length} cheats do not pass`, async () => {
    for (const outcome of await runAll(cheats)) expect(outcome.ending, outcome.title).not.toBe("passed");
  });

  test(`${Object.keys(gluttons).length} gluttons end in time and within their memory`, async () => {
    const outcomes = await runAll(gluttons);
    for (const outcome of outcomes) {
      expect(outcome.ending, outcome.title).not.toBe("passed");
      expect(outcome.ending, outcome.title).not.toBe("collapsed");
      expect(outcome.memoryBytes, outcome.title).toBeLessThan(400 * mebibyte);
      expect(outcome.cpuSeconds, outcome.title).toBeLessThan(4);
    }
    const ends = (title: string) => outcomes.find((one) => one.title === title)?.ending;
    for (const title of [
      "infinite loop",
      "sleeps for ever",
      "a number that is never done",
      "catches what ends it",
    ]) {
      expect(ends(title), title).toBe("timeout");
    }
    expect(ends("memory in many processes")).toMatch(/memory|timeout/); // slow machines do not get that far
    expect(ends("infinite output")).toBe("output");
    expect(ends("segmentation fault")).toBe("killed");
    expect(ends("many files")).toBe("disk");
  });

  test("what a program leaves running is ended with it", async () => {
    for (const outcome of await runAll(leavers)) expect(outcome.ending, outcome.title).toBe("raised");
    expect(await gone(before)).toEqual([]);
  });

  const reaching = () => {
    const around = { folder, port, pid: process.pid };
    return Object.fromEntries(
      Object.entries(attempts).map(([title, code]) => [title, attemptHead + code(around)]),
    );
  };

  test(`${Object.keys(attempts).length} attempts to reach the machine reach nothing`, async () => {
    for (const outcome of await runAll(reaching())) {
      expect(outcome.output, outcome.title).not.toContain("REACHED");
      expect(outcome.ending, outcome.title).toBe("raised");
      expect(outcome.raised?.error, `${outcome.title}: ${outcome.raised?.message}`).toBe("AssertionError");
    }
    expect(existsSync(folder)).toBe(true);
    expect(statSync(join(folder, "secret")).size).toBe(9);
  });

  test("other ways of isolating that work here keep as much", async () => {
    for (const isolation of candidates().filter((one) => one.name !== name)) {
      if ((await findHole(isolation)) !== undefined) continue;
      const other = await openSandbox({ isolation, limits });
      for (const outcome of await runAll({ ...reaching(), ...leavers }, other)) {
        expect(outcome.output, `${isolation.name}: ${outcome.title}`).not.toContain("REACHED");
        expect(outcome.raised?.error, `${isolation.name}: ${outcome.title}`).toBe("AssertionError");
      }
      const hungry = {
        loop: "while True: pass",
        memory: gluttons["memory in small pieces"]!,
        exit: cheats["os._exit"]!,
      };
      for (const outcome of await runAll(hungry, other)) expect(outcome.ending).not.toBe("passed");
    }
  });
});

describe.skipIf(process.platform !== "linux")("without isolation", () => {
  test("mild programs are judged and limited, and end with what they started", async () => {
    const before = sandboxProcesses();
    const sandbox = await openSandbox({ isolation: withoutIsolation(), limits });
    expect(sandbox.isolation).toBe("none");
    const [right, sleeper, memory, left] = await sandbox.runAll(
      [
        "def f(x): return x + 1",
        "import time\ntime.sleep(60)",
        "kept = []\nwhile True: kept.append(bytes(1 << 24))", // not written to, so quick on a busy machine too
        leavers.daemon!,
      ].map((code) => ({ code, tests })),
    );
    const endings = [right, sleeper, memory, left].map((one) => one?.ending);
    expect(endings).toEqual(["passed", "timeout", expect.stringMatching(/memory|raised/), "raised"]);
    expect(await gone(before)).toEqual([]);
  });
});

test("a verdict is read as it was written, and a cut one is none", () => {
  const raised = Buffer.from("ValueError\ntests\n3\nassert f(1)\nno: ü");
  const verdict = Buffer.concat([
    Buffer.from(`raised 0.250 1024 ${raised.length}\n`),
    raised,
    Buffer.from("printed"),
  ]);
  expect(readVerdict(verdict)).toEqual({
    ...{ ending: "raised", cpuSeconds: 0.25, memoryBytes: 1024, output: "printed" },
    raised: { error: "ValueError", where: "tests", line: 3, source: "assert f(1)", message: "no: ü" },
  } satisfies Outcome);
  expect(readVerdict(Buffer.from("raised 0.2")).ending).toBe("collapsed");
});

test("the filter of system calls has a form for two processors", () => {
  for (const arch of ["x64", "arm64"]) {
    const filter = seccompFilter(arch)!;
    expect(filter.length % 8).toBe(0);
    const count = filter.length / 8;
    for (let at = 0; at < count - 1; at++) {
      const [ifTrue, ifFalse] = [filter[at * 8 + 2]!, filter[at * 8 + 3]!];
      expect(at + 1 + Math.max(ifTrue, ifFalse)).toBeLessThan(count);
    }
    expect(filter.readUInt32LE((count - 1) * 8 + 4)).toBe(0x7fff0000);
  }
  expect(seccompFilter("mips")).toBeUndefined();
});
