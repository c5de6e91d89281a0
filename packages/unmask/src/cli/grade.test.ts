import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { run } from "../../test/cli/run.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-grade-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => void vi.restoreAllMocks());

let files = 0;
function lines(...rows: readonly unknown[]): string {
  const file = join(folder, `${files++}.jsonl`);
  writeFileSync(file, rows.map((row) => `${typeof row === "string" ? row : JSON.stringify(row)}\n`).join(""));
  return file;
}

const grade = (...args: string[]) => run("grade", ...args);

describe("unmask grade", () => {
  it("gives one result a line, in order, and exits 0 whatever the verdicts", async () => {
    const input = lines(
      { gold: "\\frac{1}{2}", response: "… so \\boxed{0.5}" },
      { gold: "\\frac{1}{2}", response: "\\boxed{0.25}" },
      { gold: "5", response: "\\boxed{\\frac{}" },
      { gold: 5, response: "" },
    );
    const { exitCode, stdout } = await grade("--task", "math", "--input", input, "--json");
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      results: [
        { correct: true, extracted: "0.5", reason: "" },
        { correct: false, extracted: "0.25", reason: "not equal to \\frac{1}{2}" },
        { correct: false, extracted: "\\frac{}", reason: "the answer cannot be read" },
        { correct: false, extracted: null, reason: "no answer was found" },
      ],
      totals: { count: 4, correct: 1, accuracy: 0.25, unparsed: 2 },
    });
  });

  it("prints a short table for people", async () => {
    const input = lines(
      { gold: "#### 18", response: "The answer is $18." },
      { gold: "18", response: "#### 19" },
    );
    const { exitCode, stdout } = await grade("--task", "gsm8k", "--input", input);
    expect(stdout).toBe("1 of 2 correct (50.0 %), 0 unparsed\nwrong, by row:\n  2  19  not equal to 18\n");
    expect(exitCode).toBe(0);
  });

  it.each([
    [[{ gold: "5", response: "5" }, { gold: "5" }], ", row 2 has no response"],
    [[{ response: "5" }], ", row 1 has no gold"],
    [[{ gold: "5", response: 5 }], ", row 1 has a response that is no text"],
    [[{ gold: "5", response: "5" }, "{"], ", row 2 is no JSON: "],
    [["[1]"], ", row 1 is no JSON object"],
    [[{ gold: "none", response: "5" }], ', row 1: gold is "none", which is no answer of this task'],
    [[""], " is empty; give a JSONL file"],
  ])("names file and row of a bad line: %j", async (rows, sentence) => {
    const input = lines(...rows);
    const { exitCode, stdout, stderr } = await grade("--task", "gsm8k", "--input", input, "--json");
    expect(stderr).toContain(`error: ${input}${sentence}`);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  });

  it("asks for the rows of tasks whose answers name theirs", async () => {
    const { exitCode, stderr } = await grade(
      "--task",
      "mbpp",
      "--input",
      lines({ task_id: 11, completion: "" }),
    );
    expect(stderr).toContain("error: mbpp needs its rows; give --data TASKS.jsonl");
    expect(exitCode).toBe(2);
  });
});
