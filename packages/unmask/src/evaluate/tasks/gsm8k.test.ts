import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { DataError } from "../../base/errors.ts";
import { cotShots, firstTrainRows } from "./gsm8k-shots.ts";
import type { OpenGenerateTask, TaskOptions } from "./task.ts";
import { findTask } from "./tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-gsm8k-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, rows: readonly unknown[]): string {
  const path = join(folder, name);
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return path;
}

// Two problems of our own in GSM8K's schema.
const data = file("test.jsonl", [
  { question: "Ann has 3 pens and buys 4. How many?", answer: "3+4=<<3+4=7>>7 pens.\n#### 7" },
  { question: "A ticket costs $1,000. Two cost?", answer: "2*1000=<<2*1000=2000>>2000\n#### 2,000" },
]);

async function open(name: string, options: TaskOptions = {}): Promise<OpenGenerateTask> {
  return (await (await findTask(name)).open({ data, ...options })) as OpenGenerateTask;
}

test("gsm8k_cot_zeroshot asks as the harness does", async () => {
  const task = await open("gsm8k_cot_zeroshot");
  expect(task.items.map(({ id, row }) => [id, row])).toEqual([
    ["1", 1],
    ["2", 2],
  ]);
  const prompt = "Q: Ann has 3 pens and buys 4. How many?\nA: Let's think step by step.";
  expect(task.items[0]!.prompt).toEqual({
    text: prompt,
    messages: [{ role: "user", content: prompt }],
    answerPrefix: "",
  });
  expect(task.generation).toEqual({
    stop: ["Q:", "</s>", "<|im_end|>"],
    ...{ maxNewTokens: 256, temperature: 0, repeats: 1 },
  });
});

test("gsm8k_cot shows its eight examples", async () => {
  const [item] = (await open("gsm8k_cot")).items;
  const { text, messages } = item!.prompt;
  const shown = cotShots.map(({ question, answer }) => `Q: ${question}\nA: ${answer}\n\n`).join("");
  expect(text).toBe(`${shown}Q: Ann has 3 pens and buys 4. How many?\nA:`);
  expect(text.startsWith("Q: There are 15 trees in the grove. ")).toBe(true);
  expect(messages.map(({ role }) => role)).toEqual([...Array(8).fill(["user", "assistant"]).flat(), "user"]);
  expect(messages[1]!.content).toBe(cotShots[0]!.answer);
  expect(item!.target).toBe("7");
});

test("not as turns, shots and question are one message", async () => {
  const { items } = await open("gsm8k_cot", { fewshotAsMultiturn: false, systemInstruction: "Be brief." });
  const { messages, text } = items[0]!.prompt;
  expect(messages.map(({ role }) => role)).toEqual(["system", "user"]);
  expect(messages[0]!.content).toBe("Be brief.");
  expect(text).toBe(`Be brief.${messages[1]!.content}`);
});

test("gsm8k draws shots as Python's random does, a document after the other", async () => {
  const pool = Array.from({ length: 7473 }, (_, n) => ({ question: `q${n}`, answer: `#### ${n}` }));
  const fewshotData = file("train.jsonl", pool);
  const drawn = (text: string) =>
    [...text.matchAll(/Question: q(\d+)\nAnswer: #### \d+\n\n/g)].map((m) => +m[1]!);
  const { items, provenance } = await open("gsm8k", { fewshotData });
  expect(drawn(items[0]!.prompt.text)).toEqual([6374, 3610, 957, 61, 742]);
  expect(drawn(items[1]!.prompt.text)).toEqual([7462, 6610, 4769, 286, 5501]);
  expect(provenance.fewshot).toMatchObject({
    count: 5,
    seed: 1234,
    data: { source: "train.jsonl", rows: 7473 },
  });
  const one = await open("gsm8k", { fewshotData, limit: 1 });
  expect(one.items).toEqual([items[0]]);
});

test("gsm8k_fixed_shots needs no train split", async () => {
  const { items } = await open("gsm8k_fixed_shots");
  const { text } = items[1]!.prompt;
  expect(
    text.startsWith(`Question: ${firstTrainRows[0]!.question}\nAnswer: ${firstTrainRows[0]!.answer}\n\n`),
  ).toBe(true);
  expect(text.endsWith("\n\nQuestion: A ticket costs $1,000. Two cost?\nAnswer:")).toBe(true);
});

test("both filters of the harness and our reading", async () => {
  const task = await open("gsm8k_cot_zeroshot");
  const responses = [
    "3 + 4 = 7. The answer is 7.",
    "So 7 pens",
    "It is **seven**.",
    "I do not know.",
    "The answer is $7.00",
  ];
  const graded = await task.grade(responses.map((response) => ({ id: "1", responses: [response] })));
  expect(graded.map(({ scores }) => Object.values(scores))).toEqual([
    [1, 1, 1],
    [1, 1, 0],
    [1, 0, 0],
    [0, 0, 0],
    [1, 0, 0],
  ]);
  expect(Object.keys(graded[0]!.scores)).toEqual(task.metrics.map(({ name }) => name));
  expect(graded[3]!.verdicts).toEqual([
    { correct: false, extracted: null, reason: "no answer was found", unparsed: true },
  ]);
  const released = await open("gsm8k_cot_zeroshot", { fidelity: "released" });
  expect(released.metrics[0]!.name).toBe("exact_match,flexible-extract");
  const [verdict] = (await released.grade([{ id: "2", responses: ["thus 2,000"] }]))[0]!.verdicts;
  expect(verdict).toEqual({ correct: true, extracted: "2,000", reason: "", unparsed: false });
});

test("several responses count by their share", async () => {
  const task = await open("gsm8k_cot_zeroshot");
  const [graded] = await task.grade([{ id: "1", responses: ["#### 7", "#### 8"] }]);
  expect(graded!.scores["correct,unmask"]).toBe(0.5);
  expect(graded!.verdicts.map(({ correct }) => correct)).toEqual([true, false]);
});

test("mistakes are named", async () => {
  const lacks = file("lacks.jsonl", [{ question: "a", answer: "#### 1" }, { question: "b" }]);
  await expect(open("gsm8k", { data: lacks, numFewshot: 0 })).rejects.toThrow(
    `${lacks}, row 2 has no answer or ground_truth_answer; it has question`,
  );
  await expect(open("gsm8k_cot_zeroshot", { numFewshot: -1 })).rejects.toThrow("num_fewshot is -1");
  await expect(open("gsm8k_cot", { numFewshot: 9 })).rejects.toThrow("has 8 examples");
  await expect(open("gsm8k_cot", { limit: 0 })).rejects.toThrow("limit is 0");
  const task = await open("gsm8k_cot");
  await expect(task.grade([{ id: "3", responses: [""] }])).rejects.toThrow(DataError);
  await expect(findTask("gsm8k_cot_zero")).rejects.toThrow('did you mean "gsm8k_cot_zeroshot"');
});
