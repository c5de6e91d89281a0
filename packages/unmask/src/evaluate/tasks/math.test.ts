import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { minervaShots } from "./math-shots.ts";
import {
  hendrycksAnswer,
  minervaAnswer,
  minervaNormal,
  sameByHendrycks,
  sameByMinerva,
} from "./math-strings.ts";
import type { OpenGenerateTask, TaskOptions } from "./task.ts";
import { findTask } from "./tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-math-"));
afterAll(() => rmSync(folder, { recursive: true }));

const rows = [
  {
    problem: "What is half of $\\frac{3}{2}$?",
    solution: "Half is $\\boxed{1}\\cdot$ no: it is $\\boxed{\\frac{3}{4}}$.",
    ...{ level: "Level 1", type: "Prealgebra" },
  },
  { problem: "Give an interval.", solution: "It is \\boxed{[2,5)}.", level: "Level 2", type: "Algebra" },
];

async function open(name: string, options: TaskOptions = {}, given: readonly unknown[] = rows) {
  const data = join(folder, `${name}.json`);
  writeFileSync(data, JSON.stringify(given));
  return (await (await findTask(name)).open({ data, ...options })) as OpenGenerateTask;
}

// Computed by lm-evaluation-harness's own normalize_final_answer.
test.each([
  ["\\frac12", "\\frac{1}{2}"],
  ["\\frac1{72}", "\\frac{1}{{}72}"],
  ["\\frac{72}1", "\\frac{72}1"],
  ["x=5", "5"],
  ["5\\text{ cm}", "5"],
  ["10\\text{ square feet}", "10"],
  ["3,\\text{and}4", "34"],
  ["\\textbf{B}", "B"],
  ["\\boxed{3}", "3"],
  ["100,000", "100000"],
  ["1,2,3", "123"],
  ["$3$ and $4$", "3"],
  ["2\\sqrtx", "2\\sqrt{x}"],
  ["an apple", "apple"],
  ["\n3", "\n3"],
])("Minerva's normal form of %j", (answer, normal) => {
  expect(minervaNormal(answer)).toBe(normal);
});

test("Minerva's sentence, and what follows it", () => {
  expect(minervaAnswer("Final Answer: The final answer is $24$. I hope it is correct.")).toBe("$24$");
  expect(minervaAnswer("so\nFinal Answer: The final answer is $24$. I hope it is correct.\n\nProblem:")).toBe(
    "$24$",
  );
  expect(minervaAnswer("The final answer is $24$. I hope it is correct.")).toBeUndefined();
  expect(sameByMinerva("[2,5)", "[2,5)")).toBe(true);
  expect(sameByMinerva("\\frac{3}{4}", "0.75")).toBe(true);
  expect(sameByMinerva("\\frac{3}{4}", "0.7")).toBe(false);
});

// Computed by lm-evaluation-harness's own is_equiv.
test.each([
  ["\\frac12", "1/2", true],
  ["0.5", "\\frac{1}{2}", true],
  ["x=5", "5", true],
  ["xyz=5", "5", false],
  ["5\\text{ cm}", "5", true],
  ["50\\%", "50", true],
  [".5", "\\frac12", true],
  ["\\frac{72}1", "72", false],
  ["1,000", "1000", false],
  ["\\text{ a}\\text{ b}", "\\text{ a}\\text{ b}", true],
  ["\\text{ a}\\text{ b}", "\\text{ a}", false],
  ["90^\\circ", "90", true],
  ["a/b", "a / b", false],
])("Hendrycks's rules: %j and %j", (gold, answer, same) => {
  expect(sameByHendrycks(gold, answer)).toBe(same);
});

test("Hendrycks's answer stands between the outer dollar signs", () => {
  expect(hendrycksAnswer("it is $a$ or $b$.")).toBe("a$ or $b");
  expect(hendrycksAnswer("costs $5")).toBe("costs $5");
});

test("minerva_math shows its four problems", async () => {
  const task = await open("minerva_math");
  const shown = minervaShots.map(
    ({ problem, solution }) => `Problem:\n${problem}\n\nSolution: ${solution}\n\n`,
  );
  const [item, second] = task.items;
  expect(item!.prompt.text).toBe(`${shown.join("")}Problem:\nWhat is half of $\\frac{3}{2}$?\n\nSolution:`);
  expect([item!.target, second!.target]).toEqual(["\\frac{3}{4}", "[2,5)"]);
  expect(task.generation.stop).toEqual(["Problem:"]);
});

test("minerva_math judges by its sentence and as mathematics", async () => {
  const task = await open("minerva_math");
  const graded = await task.grade(
    [
      "Final Answer: The final answer is $0.75$. I hope it is correct.",
      "So $\\boxed{\\frac{6}{8}}$.",
      "Final Answer: The final answer is $1$. I hope it is correct.",
      "",
    ].map((response) => ({ id: "1", responses: [response] })),
  );
  expect(graded.map(({ scores }) => scores)).toEqual([
    { "correct,unmask": 1, "exact_match,none": 1 },
    { "correct,unmask": 1, "exact_match,none": 0 },
    { "correct,unmask": 0, "exact_match,none": 0 },
    { "correct,unmask": 0, "exact_match,none": 0 },
  ]);
  expect(graded[3]!.verdicts[0]).toMatchObject({ extracted: null, unparsed: true });
});

test("hendrycks_math asks for the answer", async () => {
  const task = await open("hendrycks_math500", { fidelity: "released" });
  expect(task.items[0]!.prompt.text).toBe("Problem: What is half of $\\frac{3}{2}$?\nAnswer:");
  const [graded] = await task.grade([{ id: "1", responses: ["It is $3/4$."] }]);
  expect(graded!.verdicts).toEqual([{ correct: true, extracted: "3/4", reason: "", unparsed: false }]);
});

test("copies of MATH-500 with other fields", async () => {
  const cut = {
    prompt: "P?\nPlease reason step by step, and put your final answer within \\boxed{}.",
    answer: "7",
  };
  const task = await open("minerva_math500", { numFewshot: 0 }, [
    cut,
    { question: "Q?", ground_truth_answer: "8" },
  ]);
  expect(task.items.map(({ prompt, target }) => [prompt.text, target])).toEqual([
    ["Problem:\nP?\n\nSolution:", "7"],
    ["Problem:\nQ?\n\nSolution:", "8"],
  ]);
  await expect(open("minerva_math", {}, [{ problem: "P?" }])).rejects.toThrow(
    "row 1 has no answer or ground_truth_answer; it has problem",
  );
  await expect(open("minerva_math", {}, [{ problem: "P?", answer: " " }])).rejects.toThrow(
    "has an empty answer",
  );
});
