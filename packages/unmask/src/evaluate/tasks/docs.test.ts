// docs/tasks.md names every task, and its examples run.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import type { OpenGenerateTask } from "./task.ts";
import { findTask, taskNames } from "./tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-docs-"));
afterAll(() => rmSync(folder, { recursive: true }));

const page = readFileSync(new URL("../../../../../docs/tasks.md", import.meta.url), "utf8");
const block = (language: string) => new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(page)![1]!;

test("every task of the table stands on the page", () => {
  const subjects = /^(minerva_math|hendrycks_math)_[a-z_]+$/;
  const sizes = /^(stories|problems)_(?:tiny|small|medium|large)/;
  for (const name of taskNames) {
    const written = name.replace(subjects, "$1_SUBJECT").replace(sizes, "$1_SIZE");
    expect(page).toContain(`\`${written}\``);
  }
});

const rows = [
  { country: "Italy", capital: "Rome" },
  { country: "Peru", capital: "Lima" },
];

function writeRows(): string {
  const file = join(folder, "capitals.jsonl");
  writeFileSync(file, rows.map((row) => JSON.stringify(row)).join("\n"));
  return file;
}

test("the task file", async () => {
  writeRows();
  const file = join(folder, "capitals.yaml");
  writeFileSync(file, block("yaml"));
  const task = (await (await findTask(file)).open()) as OpenGenerateTask;
  expect(task.items[1]!.prompt.text).toBe(
    "What is the capital of France?\nAnswer: Paris\n\nWhat is the capital of Peru?\nAnswer:",
  );
  const graded = await task.grade([
    { id: "1", responses: [" rome, of course"] },
    { id: "2", responses: [" It is Lima"] },
  ]);
  expect(graded.map(({ scores }) => scores["exact_match,first-word"])).toEqual([1, 0]);
});

test("the module", async () => {
  const file = join(folder, "capitals.ts");
  const source = fileURLToPath(new URL("../../index.ts", import.meta.url));
  writeFileSync(file, block("ts").replace('from "unmask"', `from ${JSON.stringify(source)}`));
  const task = (await (await findTask(file)).open({ data: writeRows() })) as OpenGenerateTask;
  const graded = await task.grade([
    { id: "1", responses: [" Rome"] },
    { id: "2", responses: [" Rome", "Lima"] },
  ]);
  expect(graded.map(({ scores }) => scores["correct,none"])).toEqual([1, 0.5]);
});
