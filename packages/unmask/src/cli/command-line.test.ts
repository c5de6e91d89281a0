import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { run } from "../../test/cli/run.ts";
import { DataError, UnmaskError } from "../base/errors.ts";
import { decoders } from "../decode/decoders.ts";
import { program } from "./command-line.ts";
import { dashed, wholeNumber } from "./options.ts";
import { reportOf } from "./report.ts";

afterEach(() => void vi.restoreAllMocks());

describe("wrong use", () => {
  it.each([
    [["trian"], 'unknown verb "trian" (did you mean "train"?)'],
    [["frobnicate"], 'unknown verb "frobnicate"; see unmask --help'],
    [["train", "--stepz=5"], 'unknown option --stepz (did you mean "--steps"?)'],
    [["train", "--batch_sizes", "5"], "unknown option --batch-sizes; see unmask train --help"],
    [["generate", "--batchsize", "5"], 'unknown option --batchsize (did you mean "--batch-size"?)'],
    [["--verbos"], 'unknown option --verbos (did you mean "--verbose"?)'],
    [["language", "sampel"], 'unknown verb "sampel" (did you mean "sample"?)'],
    [["generate", "--modle", "x"], 'unknown option --modle (did you mean "--model"?)'],
    [
      ["generate", "--model", "x", "--steps", "0"],
      "--steps is 0; give a whole number of at least 1, such as 1",
    ],
    [
      ["generate", "--model", "x", "--steps", "many"],
      "--steps is many; give a whole number of at least 1, such as 1",
    ],
    [
      ["generate", "--model", "x", "--temperature", "-1"],
      "--temperature is -1; give a number of at least 0, such as 1",
    ],
    [["train", "--seed", "-1"], "--seed is -1; give a whole number of at least 0, such as 0"],
    [["train"], "nothing to train on; give --data FILE"],
    [["train", "none.yaml"], "none.yaml does not exist"],
    [["merge", "--model", "x", "--out", "y"], "nothing to merge; give --adapter DIR"],
    [["eval"], "nothing says what to ask; give CONFIG.yaml, or --model DIR and --task NAME"],
    [["eval", "--model", "tiny"], '"tasks" is missing; give tasks=...'],
    [["sweep", "--model", "tiny"], "no configuration is named; give CONFIG.yaml"],
    [["grade"], "no task is named; give --task gsm8k|math|humaneval|mbpp"],
    [["grade", "--task", "meth"], '--task is "meth" (did you mean "math"?); give one of gsm8k, math'],
    [["grade", "--task", "math"], "nothing to grade; give --input FILE.jsonl"],
    [["grade", "--task", "math", "--input", "./none"], "./none does not exist; give a JSONL file"],
    [["inspect", "modl"], 'unknown verb "modl" (did you mean "model"?)'],
    [["inspect", "model", "./none"], "./none: no such folder"],
    [["inspect", "estimate", "./none", "--batch", "0"], "--batch is 0; give a whole number of at least 1"],
    [
      ["inspect", "estimate", "./none", "--dtype", "int4"],
      '--dtype is int4 (did you mean "int8"?); give one of auto, float32, bfloat16, int8',
    ],
    [["forward"], "no model is named; give --model DIR"],
    [["forward", "--model", "none"], "nothing to feed; give --input FILE.json"],
    [["forward", "--model", "none", "--input", "x"], "nowhere to write; give --output FILE.safetensors"],
    [["forward", "--model", "none", "--input", "x", "--output", "./x"], "--output ./x is the input"],
    [["chat", "--promt", "x"], "unknown option --promt; see unmask chat --help"],
    [["generate", "--model", "x", "--temperature", "-1"], "--temperature is -1; give a number of at least 0"],
    [["generate", "--model", "x", "--eps", "x"], "--eps is x; give a number"],
    [["inspect", "trajectory"], "no file is named; give one, as in unmask inspect trajectory out.parquet"],
    [["inspect", "trajectory", "./none"], "./none: no such file; generate --trajectory FILE writes one"],
    [
      ["inspect", "trajectory", "x", "--sequence", "-1"],
      "--sequence is -1; give a whole number of at least 0",
    ],
    [["language", "sample", "--size", "medim"], '--size is "medim" (did you mean "medium"?)'],
  ])("%j says one sentence and exits 2", async (args, sentence) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect(stderr).toContain(`error: ${sentence}`);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stdout).toBe("");
    expect(exitCode).toBe(2);
  });

  it("shows the stack with --verbose only", async () => {
    expect((await run("train", "none.yaml", "--verbose")).stderr).toMatch(/\n +at /);
    expect((await run("--verbose", "train", "none.yaml")).stderr).toMatch(/\n +at /);
  });
});

/** Names and aliases of the table of decoders, which has tests of its own, in the order in which they first come. */
const decoderFlagNames = (): Set<string> =>
  new Set(
    decoders.flatMap(({ options }) =>
      Object.entries(options).flatMap(([name, { aliases = [] }]) =>
        [name, ...aliases].map((one) => one.replaceAll("_", "-")),
      ),
    ),
  );

describe("right use", () => {
  it("prints help and version", async () => {
    const help = await run("--help");
    expect(help.exitCode).toBe(0);
    for (const verb of ["train", "generate", "forward", "inspect", "doctor", "quickstart", "language"]) {
      expect(help.stdout).toContain(`\n  ${verb}`);
    }
    expect((await run("--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await run("train", "--help")).stdout).toContain("train.learning_rate");
  });

  it("samples the language, the same for the same seed, whatever the count", async () => {
    const args = ["language", "sample", "--size", "small", "--seed", "7"];
    const five = (await run(...args, "--count", "5")).stdout.trimEnd().split("\n");
    const two = (await run(...args, "--count", "2")).stdout.trimEnd().split("\n");
    expect(five).toHaveLength(5);
    expect(two).toEqual(five.slice(0, 2));
    const [packed] = (await run(...args, "--count", "1", "--stories", "5")).stdout.trimEnd().split("\n");
    expect(packed).toBe(five.join(" "));
    const [json] = (await run(...args, "--json")).stdout.split("\n");
    const { text, prompt } = JSON.parse(json!) as { text: string; prompt: string };
    expect(text).toBe(five[0]);
    expect(text.startsWith(prompt)).toBe(true);
  });

  it("freezes the options: a new one must be added here too", () => {
    const decoderFlags = [...decoderFlagNames()].join(" ");
    const ending = "seed stop stop-id fidelity";
    const flags = program().commands.map((command) => [
      command.name(),
      command.options.map(({ long }) => long?.slice(2)).join(" "),
    ]);
    expect(Object.fromEntries(flags)).toEqual({
      setup: "download no-system build",
      train: "data out resume dry-run schema seed steps minutes device dtype",
      launch: "nproc master-port",
      rollout: "model data out dry-run schema seed device dtype",
      distill: "method model data out resume dry-run schema seed steps minutes device dtype",
      generate: `model revision prompt suffix json-schema regex chat system max-new-tokens length count decoder ${decoderFlags} ${ending} fill-all trajectory record-proposals batch-size adapter device dtype`,
      chat: `model revision system max-new-tokens decoder ${decoderFlags} ${ending} adapter device dtype`,
      serve:
        "model revision name host port api-key-file allow-host allow-origin log-level max-batch max-queue max-memory threads request-timeout shutdown-timeout max-body max-sequences max-connections adapter device dtype",
      merge: "model adapter out",
      eval: "model task out resume dry-run limit seed",
      sweep: "model task out resume dry-run limit seed",
      reproduce: "regrade out resume",
      aup: "alpha offset y-max seed resamples",
      grade: "task input data fidelity unsafe",
      forward: "model input output device dtype",
      inspect: "",
      doctor: "",
      quickstart: "data seed out from-scratch",
      language: "",
    });
  });
});

describe("flags", () => {
  it("are accepted in both spellings, but values and what follows -- are left alone", () => {
    expect(dashed(["--batch_size", "8", "a_b", "--from_scratch=x_y", "-a_b", "--", "--c_d"])).toEqual([
      ...["--batch-size", "8", "a_b", "--from-scratch=x_y", "-a_b", "--", "--c_d"],
    ]);
  });

  it("take whole numbers written as such", () => {
    const parse = wholeNumber("--n", { least: 1, most: 9, example: 2 });
    expect(parse("9")).toBe(9);
    for (const text of ["", "1.0", "1e0", "0x1", "10", "0", "NaN", "Infinity", "a b"]) {
      expect(() => parse(text), text).toThrow("give a whole number from 1 to 9, such as 2");
    }
  });
});

describe("reportOf", () => {
  it("knows whose mistake it was", () => {
    expect(reportOf(new DataError("x is empty"))).toEqual({ message: "x is empty", exitCode: 2 });
    expect(reportOf(new UnmaskError("disk full"))).toEqual({ message: "disk full", exitCode: 1 });
    const torch = Object.assign(new Error("aten::add: sizes differ"), { name: "TorchError" });
    expect(reportOf(torch)).toEqual({ message: "aten::add: sizes differ", exitCode: 1 });
  });

  it("names file and remedy of a failed system call", () => {
    const error = Object.assign(new Error("ENOSPC: no space left"), {
      ...{ code: "ENOSPC", syscall: "write", path: "runs/a" },
    });
    const { message, exitCode } = reportOf(error);
    expect(message).toBe(
      'runs/a: the system refused "write" (ENOSPC); free some space or choose another disk',
    );
    expect(exitCode).toBe(1);
  });

  it("asks for a report of anything else, in one line", () => {
    const { message, exitCode } = reportOf(new TypeError("x is not a function\nmore"));
    expect(message).toBe(
      "internal error: x is not a function; please report it with what the same command prints with --verbose",
    );
    expect(exitCode).toBe(1);
    expect(reportOf("a string").message).toContain("a string");
  });
});

const built = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

describe.runIf(existsSync(built))("the program", () => {
  it("ends silently when its reader goes away", async () => {
    const child = spawn(process.execPath, [
      built,
      "language",
      "sample",
      "--size",
      "small",
      "--count",
      "100000",
    ]);
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    child.stdout.once("data", () => child.stdout.destroy());
    const exitCode = await new Promise((resolve) => child.once("close", resolve));
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
  });

  it("scores what it reads, line by line", async () => {
    const child = spawn(process.execPath, [built, "language", "score", "--size", "small"]);
    let stdout = "";
    child.stdout.on("data", (text) => {
      stdout += text;
    });
    child.stdin.end("anna met ben . she gave him a red kite . ben has the kite .\nanna met nobody\n");
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(0);
    const [first, second] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(first).toMatchObject({ valid: true, reason: null });
    expect(first.noisy_logprob).toBeLessThan(first.logprob);
    expect(second).toMatchObject({ valid: false, logprob: null });
    expect(second.reason).toContain("nobody");
    expect(Number.isFinite(second.noisy_logprob)).toBe(true);
  });
});
