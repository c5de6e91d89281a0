import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { run as unmask } from "../../test/cli/run.ts";

const root = mkdtempSync(join(tmpdir(), "unmask-aup-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
afterEach(() => void vi.restoreAllMocks());

const run = (...args: string[]) => unmask("aup", ...args);

function file(name: string, text: string): string {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
}

const leaderboard = fileURLToPath(
  new URL("../../test/parity/fixtures/aup/leaderboard.json", import.meta.url),
);
const llada = file(
  "data_llada.yaml",
  `GSM8K-CoT:
  Qwen-2.5-7B-it:
  - [1.0, 74.1]
  D2F:
  - [1.0, 74.98]
  - [2.88, 74.39]
  d3LLM-LLaDA:
  - [1.0, 74.02]
  - [9.11, 73.09]
MATH:
  Qwen-2.5-7B-it:
  - [1.0, 41.15]
`,
);

describe("unmask aup", () => {
  it("prints a table a task, the best first, and averages", async () => {
    const { exitCode, stdout, stderr } = await run(llada);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout.split("\n")).toEqual([
      "data_llada: GSM8K-CoT (best accuracy 74.98 %)",
      "method          points  tokens/forward   accuracy %     AUP",
      "d3LLM-LLaDA          2       1.00–9.11  74.02–73.09  637.65",
      "D2F                  2       1.00–2.88  74.98–74.39  213.76",
      "Qwen-2.5-7B-it       1            1.00        74.10   74.10",
      "",
      "data_llada: MATH (best accuracy 41.15 %)",
      "method          points  tokens/forward  accuracy %    AUP",
      "Qwen-2.5-7B-it       1            1.00       41.15  41.15",
      "",
      "Averages (alpha 3, offset 5); the last column is what the leaderboard's script prints",
      "method          tasks  mean AUP  sum over all files / 5",
      "d3LLM-LLaDA         1    637.65                  127.53",
      "D2F                 1    213.76                   42.75",
      "Qwen-2.5-7B-it      2     57.63                   23.05",
      "",
    ]);
  });

  it("writes JSON that it can read again, to the same scores", async () => {
    const { exitCode, stdout } = await run("--json", llada, leaderboard);
    expect(exitCode).toBe(0);
    const first = JSON.parse(stdout);
    expect(Object.keys(first.datasets)).toEqual([
      ...["data_llada", "leaderboard/data_llada", "data_dream", "data_dream_coder"],
    ]);
    const again = await run("--json", file("again.json", stdout));
    expect(JSON.parse(again.stdout)).toEqual(first);
  });

  it("names a method without a score, exits 2, and scores the others", async () => {
    const path = file("mixed.yaml", "T: {steep: [[1, 60], [2, 50]], flat: [[1, 0.6], [2, 0.6]]}");
    const { exitCode, stdout, stderr } = await run(path);
    expect(exitCode).toBe(2);
    expect(stdout).toMatch(/^flat .* 0\.\d\d$/m);
    expect(stdout).toMatch(/^steep .* no score$/m);
    expect(stderr.trimEnd().split("\n")).toEqual([
      "warning: mixed, T, flat: an accuracy is below 1 %: are these fractions instead of per cent?",
      "error: mixed, T, steep: the curve ends at 50 % (2 tokens a forward), more than 5 points below the 60 % it begins with; leave that point out",
    ]);
    const { steep, flat } = JSON.parse((await run(path, "--json")).stdout).datasets.mixed.T.methods;
    expect(steep).toMatchObject({ aup: null, error: expect.stringContaining("the curve ends at 50 %") });
    expect(flat.warnings).toHaveLength(1);
  });

  it("gives intervals where there are verdicts, the same for the same seed", async () => {
    const right = (from: number) =>
      JSON.stringify(Array.from({ length: 40 }, (_, i) => Number(i >= from && i < from + 30)));
    const path = file("judged.yaml", `T: {M: {tpf: [1, 3], verdicts: [${right(0)}, ${right(9)}]}}`);
    const { stdout } = await run(path, "--resamples", "500");
    expect(stdout).toMatch(/^method .* 95 % interval$/m);
    expect(stdout).toMatch(/^M .* 225\.00 {2,}\d+\.\d\d–\d+\.\d\d$/m);
    expect((await run(path, "--resamples", "500")).stdout).toBe(stdout);
    expect((await run(path, "--resamples", "500", "--seed", "1")).stdout).not.toBe(stdout);
    const [low, high] = JSON.parse((await run(path, "--json")).stdout).datasets.judged.T.methods.M.intervals
      .aup;
    expect(low).toBeLessThan(225);
    expect(high).toBeGreaterThanOrEqual(225);
  });

  it("takes y_max, alpha and offset", async () => {
    const path = file("own.yaml", "T=1: {M: [[1, 60], [2, 50]]}");
    const { stdout } = await run(path, "--json", "--y_max", "T=1=100", "--alpha", "0", "--offset", "10");
    const { arguments: given, datasets } = JSON.parse(stdout);
    expect(given).toEqual({ alpha: 0, y_min_offset: 10 });
    expect(datasets.own["T=1"].y_max).toBe(100);
    expect(datasets.own["T=1"].methods.M.aup).toBeCloseTo(60 + 55, 9);
  });

  it.each([
    [[], "no file is named; give FILE.yaml"],
    [[join(root, "data_lada.yaml")], "does not exist (did you mean"],
    [[root], "cannot be read (EISDIR); give a YAML file"],
    [[llada, llada], "data_llada.yaml is given twice; name it once"],
    [[llada, "--y-max", "MATH"], '--y-max is "MATH"; give TASK=NUMBER'],
    [[llada, "--y-max", "MATHS=50"], 'no task is called "MATHS" (did you mean "MATH"?)'],
    [[llada, "--alpha", "x"], "--alpha is x; give a number of at least 0, such as 3"],
    [[llada, "--resample", "5"], 'unknown option --resample (did you mean "--resamples"?)'],
  ])("%j says one sentence and exits 2", async (args, sentence) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect(stderr).toContain(sentence);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect([stdout, exitCode]).toEqual(["", 2]);
  });
});
