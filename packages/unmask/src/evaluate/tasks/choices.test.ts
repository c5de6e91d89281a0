import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { chooseTask } from "./choose-task.ts";
import { integerField, textField, textsField } from "./documents.ts";
import type { OpenChooseTask, Task, TaskOptions } from "./task.ts";
import { findTask, tasks } from "./tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-choices-"));
afterAll(() => rmSync(folder, { recursive: true }));

const place = (name: string) => fileURLToPath(new URL(`../../../test/tasks/${name}`, import.meta.url));
const dataOf = (task: string) => place(`${task.startsWith("arc") ? "arc" : task}.jsonl`);

async function open(task: Task, options: TaskOptions): Promise<OpenChooseTask> {
  return (await task.open(options)) as OpenChooseTask;
}

interface Golden {
  readonly task: string;
  readonly num_fewshot: number | null;
  readonly documents: number;
  readonly arguments: string;
}

const goldens = JSON.parse(readFileSync(place("choices.json"), "utf8")) as Golden[];

test.each(goldens)("$task with $num_fewshot shots: the harness's own requests", async (golden) => {
  const data = dataOf(golden.task);
  const { items } = await open(await findTask(golden.task), {
    ...{ data, fewshotData: data, numFewshot: golden.num_fewshot ?? undefined },
  });
  const requests = items.map(({ candidates }) =>
    candidates.map(({ context, continuation }) => [context, continuation]),
  );
  expect(items).toHaveLength(golden.documents);
  expect(createHash("sha256").update(JSON.stringify(requests)).digest("hex")).toBe(golden.arguments);
});

describe.each(tasks.filter(({ kind }) => kind === "choose"))("$name", (task) => {
  test("judges likelihoods", async () => {
    const opened = await open(task, { data: dataOf(task.name), limit: 2 });
    const [item, other] = opened.items;
    const right = item!.candidates.map((_, at) => (item!.gold.includes(at) ? 1 : 100));
    const wrong = other!.candidates.map((_, at) => (other!.gold.includes(at) ? 100 : 1));
    const graded = await opened.grade([
      { id: other!.id, nlls: wrong },
      { id: item!.id, nlls: right },
    ]);
    const main = opened.metrics[0]!.name;
    expect(graded.map(({ id, scores }) => [id, scores[main]])).toEqual([
      [other!.id, 0],
      [item!.id, 1],
    ]);
    expect(graded[1]!.verdicts[0]!.extracted).toBe(item!.candidates[item!.gold[0]!]!.choice);
    expect(graded[0]!.verdicts[0]!.reason).toMatch(/^right is "/);
    await expect(opened.grade([{ id: item!.id, nlls: [1] }])).rejects.toThrow("candidates and 1 likelihoods");
    await expect(opened.grade([{ id: "no", nlls: [1] }])).rejects.toThrow("has no document");
  });
});

const everyMetric = chooseTask({
  ...{ name: "own", version: "1", description: "own" },
  read: (row) => ({
    question: textField(row, "question"),
    options: textsField(row, "options"),
    gold: integerField(row, "gold"),
  }),
  question: ({ question }) => question,
  choices: ({ options }) => options,
  gold: ({ gold }) => [gold],
  metrics: ["acc", "acc_norm", "acc_bytes", "acc_mutual_info", "brier_score"],
});

function file(row: unknown): string {
  const path = join(folder, "own.jsonl");
  writeFileSync(path, `${JSON.stringify(row)}\n`);
  return path;
}

test("every metric chooses by its own rule", async () => {
  const data = file({ question: "Q:", options: ["ja", "n\u00e4\u00e4\u00e4", "vielleicht"], gold: 1 });
  const opened = await open(everyMetric, { data });
  expect(opened.items[0]!.candidates.map(({ context, continuation }) => [context, continuation])).toEqual([
    ...["ja", "n\u00e4\u00e4\u00e4", "vielleicht"].map((choice) => ["Q:", ` ${choice}`]),
    ...["ja", "n\u00e4\u00e4\u00e4", "vielleicht"].map((choice) => ["", ` ${choice}`]),
  ]);
  // Per character 1, 0.75, 0.8; per byte 1, 0.43, 0.8; against the choices alone −1, +5, +4.
  const [graded] = await opened.grade([{ id: "1", nlls: [2, 3, 8, 1, 8, 12] }]);
  const masses = [-2, -3, -8].map(Math.exp);
  const total = masses[0]! + masses[1]! + masses[2]!;
  const [a, b, c] = masses.map((mass) => mass / total) as [number, number, number];
  expect(graded!.scores).toEqual({
    "acc,none": 0,
    "acc_norm,none": 1,
    "acc_bytes,none": 1,
    "acc_mutual_info,none": 1,
    "brier_score,none": expect.closeTo(a ** 2 + (b - 1) ** 2 + c ** 2, 12),
  });
  expect(graded!.verdicts).toEqual([
    { correct: false, extracted: "ja", reason: 'right is "n\u00e4\u00e4\u00e4"', unparsed: false },
  ]);
  expect(opened.metrics.map(({ higherIsBetter, isShare }) => [higherIsBetter, isShare])).toEqual([
    ...Array(4).fill([true, true]),
    [false, false],
  ]);
});

test("mistakes of the data name file and row", async () => {
  const shown = (row: unknown) => open(everyMetric, { data: file(row) });
  await expect(shown({ question: "Q", options: ["a"], gold: 3 })).rejects.toThrow(
    "own.jsonl, row 1: the right answer is 3 of 1 choices",
  );
  await expect(shown({ question: "Q", options: [], gold: 0 })).rejects.toThrow("row 1 has no choices");
  await expect(shown({ question: "Q", options: "a", gold: 0 })).rejects.toThrow(
    'row 1: options is "a"; a list of texts is needed',
  );
  const arc = { question: "Q", choices: { label: ["A"], text: ["a"] }, answerKey: "B" };
  await expect(open(await findTask("arc_easy"), { data: file(arc) })).rejects.toThrow(
    'row 1: answerKey is "B"; one of A is needed',
  );
});
