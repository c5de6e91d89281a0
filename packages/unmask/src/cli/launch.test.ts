// The launcher as a process of its own, with small programs for ranks.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { run } from "../../test/cli/run.ts";
import { environmentOf } from "./launch.ts";

const built = new URL("../../dist/cli/launch.js", import.meta.url);
const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs node with these arguments; `onError` sees standard error as it grows. */
function node(
  args: readonly string[],
  onError?: (text: string, kill: (name: NodeJS.Signals) => void) => void,
) {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const ended: Ended = { code: null, stdout: "", stderr: "" };
  child.stdout.on("data", (text) => {
    ended.stdout += text;
  });
  child.stderr.on("data", (text) => {
    ended.stderr += text;
    onError?.(ended.stderr, (name) => child.kill(name));
  });
  return new Promise<Ended>((resolve) => child.once("close", (code) => resolve({ ...ended, code })));
}

/** Launches `script` in 3 processes; a failure is told as the command line tells it. */
function launched(script: string, onError?: Parameters<typeof node>[1]): Promise<Ended> {
  const launcher = `
    import { launch } from ${JSON.stringify(built.href)};
    const command = [process.execPath, "--input-type=module", "-e", process.argv[1]];
    try {
      process.exitCode = await launch(command, { nproc: 3, port: 1234, patience: 0.3 });
    } catch (error) {
      console.error("error: " + error.message);
      process.exitCode = error.exitCode;
    }`;
  return node(
    ["--input-type=module", "-e", launcher, `const rank = Number(process.env.RANK);\n${script}`],
    onError,
  );
}

describe.runIf(existsSync(built))("unmask launch", () => {
  it("gives each rank its variables, and shows rank 0 and the others' errors", async () => {
    const { code, stdout, stderr } = await launched(`
      const { RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT } = process.env;
      console.log("output of", rank);
      console.error(RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT);`);
    expect(code).toBe(0);
    expect(stdout).toBe("output of 0\n");
    expect(stderr.trim().split("\n").sort()).toEqual(
      ["0 0 3 3 127.0.0.1 1234", "[rank 1] 1 1 3 3 127.0.0.1 1234", "[rank 2] 2 2 3 3 127.0.0.1 1234"].sort(),
    );
  });

  it("ends the others when a rank fails, also those that do not want to", async () => {
    const { code, stderr } = await launched(`
      process.on("SIGTERM", () => {});
      if (rank === 1) { for (const n of [1, 2, 3, 4, 5, 6]) console.error("line", n); process.exit(3); }
      setInterval(() => {}, 1000);`);
    expect(code).toBe(1);
    const lines = ["line 2", "line 3", "line 4", "line 5", "line 6"].map((line) => `\n  ${line}`).join("");
    expect(stderr).toContain(
      `error: rank 1 of 3 ended with exit code 3; the other ranks were stopped. Its last words:${lines}\n`,
    );
  });

  it("names the signal that ended a rank", async () => {
    const { code, stderr } = await launched(`
      if (rank === 2) process.kill(process.pid, "SIGKILL");
      setInterval(() => {}, 1000);`);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        "error: rank 2 of 3 was ended by SIGKILL (the system does that when memory runs out); the other ranks were stopped\n",
    });
  });

  it("passes signals on, and then lets the ranks end in their own time", async () => {
    const { code, stderr } = await launched(
      `
      process.on("SIGTERM", () => setTimeout(() => { console.error("saved"); process.exit(130); }, 20 * (3 - rank)));
      setInterval(() => {}, 1000);
      console.error("ready");`,
      (text, kill) => {
        if (text.match(/ready/g)?.length === 3 && !text.includes("saved")) kill("SIGTERM");
      },
    );
    expect(code).toBe(130);
    expect(stderr.match(/saved/g)).toHaveLength(3);
    expect(stderr).not.toContain("error");
  });

  it("keeps the exit code of wrong use", async () => {
    expect((await launched("process.exitCode = 2;")).code).toBe(2);
  });

  it("runs verbs", async () => {
    const sample = ["language", "sample", "--size", "tiny", "--count", "2"];
    const alone = await node([program, ...sample]);
    const together = await node([program, "launch", "--nproc", "2", "--", ...sample]);
    expect(alone.stdout.trim().split("\n")).toHaveLength(2);
    expect(together).toEqual(alone);
  });
});

describe("the command line of launch", () => {
  const refusal = async (...args: string[]) => (await run("launch", ...args)).stderr;

  it("says what is missing or wrong", async () => {
    expect(await refusal("--", "train")).toContain("launch needs --nproc N");
    expect(await refusal("--nproc", "2")).toContain("nothing to launch; give a verb after --");
    expect(await refusal("--nproc", "2", "--", "trian")).toContain(
      'launch cannot run "trian" (did you mean "train"?)',
    );
    expect(await refusal("--nproc", "2", "--", "launch")).toContain('launch cannot run "launch"');
    expect(await refusal("--nproc", "0", "--", "train")).toContain(
      "--nproc is 0; give a whole number from 1 to 1024",
    );
    expect(await refusal("--nproc=2", "--master_port=70000", "--", "train")).toContain(
      "--master-port is 70000",
    );
  });
});

describe("environmentOf", () => {
  it("shares the processors out, unless told", () => {
    expect(environmentOf(0, 1, 1, {}).OMP_NUM_THREADS).toBe(String(availableParallelism()));
    expect(environmentOf(0, 1000, 1, {}).OMP_NUM_THREADS).toBe("1");
    expect(environmentOf(0, 2, 1, { OMP_NUM_THREADS: "7" }).OMP_NUM_THREADS).toBe("7");
  });
});
