// Whatever a task file holds, reading it ends with a value or one of our errors.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ConfigError, DataError, isUnmaskError } from "../../base/errors.ts";
import { generator, streams } from "../../base/rng.ts";
import { harnessTask } from "./harness-task.ts";
import { compileHarnessTemplate } from "./harness-template.ts";
import { literalEval, pythonRepr } from "./python-literal.ts";
import { findAll, pythonRegex } from "./python-regex.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-fuzz-"));
afterAll(() => rmSync(folder, { recursive: true }));

const uniform = generator({ seed: 3, stream: streams.shuffle, sequence: 0, step: 0 });
const pick = <T>(all: readonly T[]): T => all[Math.floor(uniform() * all.length)]!;
const some = (parts: readonly string[], most: number): string =>
  Array.from({ length: Math.floor(uniform() * most) }, () => pick(parts)).join("");

test("regular expressions compile, or are refused", () => {
  const parts = [
    ..."()[]{}|*+?.^$\\-,:=!<>#Pabd1w s\n",
    "(?P<n>",
    "(?:",
    "(?=",
    "(?<!a",
    "(?i)",
    "\\d",
    "\\x4",
    "[^",
    "é",
    "😀",
  ];
  let compiled = 0;
  for (let round = 0; round < 2000; round++) {
    const pattern = some(parts, 9);
    try {
      findAll(pythonRegex(pattern), "ab1 é😀\n");
      compiled++;
    } catch (error) {
      expect(error, pattern).toBeInstanceOf(ConfigError);
    }
  }
  expect(compiled).toBeGreaterThan(250);
});

test("literals are read, or refused; what repr writes is read back", () => {
  const parts = [..."[](){},:'\"\\ \n1.e-+", "True", "None", "nul", "'a'", "\\x41"];
  for (let round = 0; round < 2000; round++) {
    const text = some(parts, 12);
    try {
      literalEval(text);
    } catch (error) {
      expect((error as Error).message, text).toMatch(/^no Python literal at |^nested more than/);
    }
    const value = [some(parts, 6), [uniform() < 0.5, null, Math.floor(uniform() * 99)]];
    expect(literalEval(pythonRepr(value))).toEqual(value);
  }
});

test("templates print, or say what is wrong", () => {
  const parts = [
    "{{",
    "}}",
    "{%",
    "%}",
    " if ",
    " endif ",
    "a",
    ".b",
    "[0]",
    "|join(' ')",
    ".split()",
    "{#",
    "#}",
    "'",
    " x ",
    "|foo",
    ".index(1)",
  ];
  for (let round = 0; round < 1000; round++) {
    const template = some(parts, 10);
    try {
      compileHarnessTemplate(template, "t")({ a: { b: ["c"] } });
    } catch (error) {
      expect(
        [ConfigError, DataError].some((kind) => error instanceof kind),
        `${template}: ${error}`,
      ).toBe(true);
    }
  }
});

test("task files make a task, or are refused", () => {
  const lines = [
    ...[
      "task: t",
      "doc_to_text: '{{q}}'",
      "doc_to_target: a",
      "output_type: multiple_choice",
      "doc_to_choice: [1, no]",
    ],
    ...[
      "fewshot_config: {samples: [{q: 1}]}",
      "filter_list: [{name: x, filter: [{function: regex}]}]",
      "a: &x [*x]",
    ],
    ...[
      "metric_list: [{metric: acc}]",
      "generation_kwargs: {until: 3}",
      "include: [",
      "? !!binary x",
      "num_fewshot: 1e9",
    ],
    ...[
      "doc_to_text: !function a.b",
      "---",
      "\t",
      "repeats: 0",
      "dataset_kwargs: {data_files: 3}",
      "metadata: null",
    ],
  ];
  const file = join(folder, "t.yaml");
  for (let round = 0; round < 200; round++) {
    const text = Array.from({ length: 6 }, () => pick(lines)).join("\n");
    writeFileSync(file, text);
    try {
      harnessTask(file);
    } catch (error) {
      expect(isUnmaskError(error), `${text}\n${(error as Error).stack}`).toBe(true);
    }
  }
});
