import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { describeIsolation } from "../../grade/sandbox.ts";
import type { OpenGenerateTask, TaskOptions } from "./task.ts";
import { findTask, tasks } from "./tasks.ts";

const place = (file: string) => fileURLToPath(new URL(`../../../test/${file}`, import.meta.url));
const dataOf = (task: string): string => {
  if (task.includes("gsm8k")) return place("tasks/gsm8k.jsonl");
  if (task.includes("math")) return place("tasks/math.jsonl");
  return place(task.includes("humaneval") ? "sandbox/humaneval.jsonl" : "sandbox/mbpp.jsonl");
};

async function open(name: string, options: TaskOptions = {}) {
  const fewshotData = /^gsm8k(?:_long|_cot_zeroshot)?$|^hendrycks/.test(name) ? dataOf(name) : undefined;
  const task = await findTask(name);
  return (await task.open({ data: dataOf(name), fewshotData, ...options })) as OpenGenerateTask;
}

interface Golden {
  readonly task: string;
  readonly num_fewshot: number | null;
  readonly stop: readonly string[];
  readonly documents: number;
  readonly text: string;
  readonly turns: string;
  readonly message: string;
}

const goldens = JSON.parse(readFileSync(place("tasks/prompts.json"), "utf8")) as Golden[];
const hash = (value: unknown) => createHash("sha256").update(JSON.stringify(value)).digest("hex");

/** With the answer's beginning as the last message, as the harness has it. */
const chat = ({ items }: OpenGenerateTask) =>
  items.map(({ prompt: { messages, answerPrefix: content } }) =>
    content === "" ? messages : [...messages, { role: "assistant", content }],
  );

test.each(goldens)("$task with $num_fewshot shots: the harness's own prompts", async (golden) => {
  const numFewshot = golden.num_fewshot ?? undefined;
  const turns = await open(golden.task, { numFewshot });
  const message = await open(golden.task, { numFewshot, fewshotAsMultiturn: false });
  expect(turns.items).toHaveLength(golden.documents);
  expect(turns.generation.stop).toEqual(golden.stop);
  expect(hash(turns.items.map(({ prompt }) => prompt.text))).toBe(golden.text);
  expect(hash(chat(turns))).toBe(golden.turns);
  expect(hash(chat(message))).toBe(golden.message);
});

/** Those of the synthetic language, and texts that have no right answer, have a test of their own. */
const generating = tasks
  .filter(({ name, kind }) => kind === "generate" && !/^(?:(?:stories|problems)_|free_text$)/.test(name))
  .map(({ name }) => name);

test("names are given once", () => {
  const names = tasks.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

const isolation = await describeIsolation();
const isCode = (name: string) => /humaneval|mbpp/.test(name);

describe.each(generating)("%s", (name) => {
  const runs = isCode(name) && isolation.name === "none" ? test.skip : test;

  runs("judges a list of responses", async () => {
    const task = await open(name, { limit: 2 });
    const [first, second] = task.items.map(({ id }) => id) as [string, string];
    const graded = await task.grade([
      { id: second, responses: ["I do not know."] },
      { id: first, responses: [rightAnswer(name), ""] },
    ]);
    const main = task.metrics[0]!.name;
    expect(graded.map(({ id, scores }) => [id, scores[main]])).toEqual([
      [second, 0],
      [first, 0.5],
    ]);
    expect(graded[1]!.verdicts.map(({ correct }) => correct)).toEqual([true, false]);
    expect(graded[0]!.verdicts[0]!.reason).not.toBe("");
    for (const { scores } of graded) {
      expect(Object.keys(scores).sort()).toEqual(task.metrics.map((metric) => metric.name).sort());
    }
    expect(task.version).toMatch(/^\d+$/);
    expect(task.provenance.data).toMatchObject({ rows: expect.any(Number), sha256: expect.any(String) });
  });
});

/** To the first document, in the form that the task asks for. */
function rightAnswer(name: string): string {
  const rows = readFileSync(dataOf(name), "utf8").split("\n");
  const row = JSON.parse(rows[0]!) as Record<string, string>;
  if (name.startsWith("t3d_gsm8k")) return "3 + 4 = 7, so \\boxed{7}.";
  if (name.includes("gsm8k")) return "3 + 4 = 7. The answer is 7.";
  if (name.includes("minerva")) return "Final Answer: The final answer is $\\frac34$. I hope it is correct.";
  if (name.includes("math"))
    return name.startsWith("t3d") ? "So \\boxed{\\frac{3}{4}}." : "It is $\\frac34$.";
  const solution = name.includes("humaneval") ? `${row.prompt}${row.canonical_solution}` : row.code!;
  if (name.startsWith("t3d")) return `Here:\n\`\`\`python\n${solution}\n\`\`\`\n`;
  if (name.startsWith("d3llm")) return `\`\`\`python\n${solution}\n\`\`\`\n`;
  return name.includes("humaneval") ? row.canonical_solution! : `${solution}\n`;
}
