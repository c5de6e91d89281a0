import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { ConfigError, DataError, UnsupportedError } from "../../base/errors.ts";
import type { OpenChooseTask, OpenGenerateTask, TaskOptions } from "./task.ts";
import { findTask } from "./tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-yaml-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const rows = (...all: readonly unknown[]) =>
  write("rows.jsonl", all.map((row) => JSON.stringify(row)).join("\n"));
const generates = async (file: string, options: TaskOptions = {}) =>
  (await (await findTask(file)).open(options)) as OpenGenerateTask;
const chooses = async (file: string, options: TaskOptions = {}) =>
  (await (await findTask(file)).open(options)) as OpenChooseTask;

const sums = `
task: sums
dataset_path: json
dataset_kwargs: { data_files: { test: rows.jsonl } }
output_type: generate_until
test_split: test
description: "Sums.\\n\\n"
doc_to_text: "Q: {{question}}\\nA:"
doc_to_target: "{{answer}}"
num_fewshot: 1
fewshot_config:
  sampler: first_n
  samples:
    - { question: "1+1", answer: 2 }
    - { question: "2+2", answer: 4 }
generation_kwargs:
  until: ["Q:", "\\n\\n"]
  max_gen_toks: 32
  do_sample: false
  temperature: 0.7
filter_list:
  - name: number
    filter:
      - function: regex
        regex_pattern: "(-?\\\\d+)"
        group_select: -1
      - function: take_first
  - name: whole
    filter: [{ function: remove_whitespace }, { function: take_first }]
metric_list:
  - { metric: exact_match, aggregation: mean, higher_is_better: true, ignore_punctuation: true }
metadata: { version: 2.1 }
`;

describe("generate_until", () => {
  test("prompt, generation, filters and metrics", async () => {
    rows({ question: "3+4", answer: 7 }, { question: "1-2", answer: -1 });
    const task = await generates(write("sums.yaml", sums));
    expect(task.name).toBe("sums");
    expect(task.version).toBe("2.1");
    expect(task.items[0]!.prompt.text).toBe("Sums.\n\nQ: 1+1\nA: 2\n\nQ: 3+4\nA:");
    expect(task.items[0]!.prompt.messages).toEqual([
      { role: "system", content: "Sums.\n\n" },
      { role: "user", content: "Q: 1+1\nA:" },
      { role: "assistant", content: "2" },
      { role: "user", content: "Q: 3+4\nA:" },
    ]);
    expect(task.generation).toEqual({ stop: ["Q:", "\n\n"], maxNewTokens: 32, temperature: 0, repeats: 1 });
    expect(task.metrics.map(({ name }) => name)).toEqual(["exact_match,number", "exact_match,whole"]);
    const graded = await task.grade([
      { id: "1", responses: [" 3+4 = 7"] },
      { id: "2", responses: [" -1. "] },
    ]);
    expect(graded.map(({ scores }) => Object.values(scores))).toEqual([
      [1, 0],
      [1, 1],
    ]);
  });

  test("included settings stand below the file's own", async () => {
    rows({ question: "3+4", answer: 7 });
    write("base/sums.yaml", sums.replace("rows.jsonl", join(folder, "rows.jsonl")));
    const text = "include: base/sums.yaml\ntask: more\nnum_fewshot: 2\nfilter_list: null\ngen_prefix: 'So'\n";
    const task = await generates(write("more.yaml", text));
    expect(task.items[0]!.prompt.text).toBe("Sums.\n\nQ: 1+1\nA: So 2\n\nQ: 2+2\nA: So 4\n\nQ: 3+4\nA: So");
    expect(task.items[0]!.prompt.answerPrefix).toBe("So");
    expect(task.metrics.map(({ name }) => name)).toEqual(["exact_match,none"]);
  });

  test("several targets, any of which counts; a column's name instead of a template", async () => {
    const data = rows({ text: "Name one.", names: ["a", "b"] });
    const text =
      "task: any\ntest_split: test\ndoc_to_text: text\ndoc_to_target: names\nrepeats: 2\nfilter_list:\n- name: all\n  filter: [{function: lowercase}]\n";
    const task = await generates(write("any.yaml", text), { data });
    expect(task.items[0]!.prompt.text).toBe("Name one.");
    expect(task.generation).toMatchObject({ stop: ["\n\n"], maxNewTokens: 256, repeats: 2 });
    const [graded] = await task.grade([{ id: "1", responses: ["B", "c"] }]);
    expect(graded!.scores).toEqual({ "exact_match,all": 0.5 });
  });

  test("a choice's number stands for its text", async () => {
    const data = rows({ q: "?", label: 1 });
    const text = `task: label\ntest_split: test\ndoc_to_text: "{{q}}"\ndoc_to_target: label\ndoc_to_choice: ["no", "yes"]\n`;
    const task = await generates(write("label.yaml", text), { data });
    expect(task.items[0]!.target).toBe("yes");
    expect((await task.grade([{ id: "1", responses: ["yes"] }]))[0]!.scores["exact_match,none"]).toBe(1);
  });
});

describe("multiple_choice", () => {
  const arc = `
task: arc
dataset_path: allenai/ai2_arc
dataset_name: ARC-Easy
output_type: multiple_choice
training_split: train
test_split: test
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_target: "{{choices.label.index(answerKey)}}"
doc_to_choice: "{{choices.text}}"
metric_list:
  - { metric: acc, aggregation: mean, higher_is_better: true }
  - { metric: acc_norm }
`;
  const data = fileURLToPath(new URL("../../../test/tasks/arc.jsonl", import.meta.url));

  test("the harness's own file for ARC asks as our task does", async () => {
    const file = write("arc.yaml", arc);
    for (const options of [{ data }, { data, fewshotData: data, numFewshot: 3 }]) {
      const [own, theirs] = [await chooses("arc_easy", options), await chooses(file, options)];
      expect(theirs.items).toEqual(own.items);
      expect(theirs.metrics).toEqual(own.metrics);
    }
  });

  test("a right answer that is no choice names row and count", async () => {
    const text = `task: t\noutput_type: multiple_choice\ntest_split: test\ndoc_to_text: "{{q}}"\ndoc_to_target: "{{a}}"\ndoc_to_choice: "{{c}}"\n`;
    const file = write("wrong.yaml", text);
    await expect(chooses(file, { data: rows({ q: "", a: "x", c: ["y"] }) })).rejects.toThrow(
      "rows.jsonl, row 1: the right answer is -1 of 1 choices",
    );
    await expect(chooses(file, { data: rows({ q: "", a: "x", c: "y" }) })).rejects.toThrow(
      'row 1: wrong.yaml, doc_to_choice: no Python literal at "y"; a list is needed',
    );
    expect((await chooses(file, { data: rows({ q: "", a: "y", c: ["x", "y"] }) })).items[0]!.gold).toEqual([
      1,
    ]);
  });
});

test("loglikelihood scores one continuation", async () => {
  const text = `task: last\noutput_type: loglikelihood\ntest_split: test\ndoc_to_text: "{{text.split(' ')[:-1]|join(' ')}}"\ndoc_to_target: "{{' '+text.split(' ')[-1]}}"\nmetric_list: [{metric: perplexity, aggregation: perplexity}]\n`;
  const task = await chooses(write("last.yaml", text), { data: rows({ text: "a b c" }) });
  expect(task.items[0]!.candidates).toEqual([{ context: "a b", continuation: " c", choice: " c" }]);
  expect((await task.grade([{ id: "1", nlls: [2.5] }]))[0]!.scores).toEqual({ "nll,none": 2.5 });
});

describe("what is refused, by name", () => {
  const base = 'task: t\ntest_split: test\ndoc_to_text: "{{q}}"\ndoc_to_target: "{{a}}"\n';

  test.each([
    [
      "doc_to_text: !function utils.f",
      UnsupportedError,
      "doc_to_text is Python code, !function utils.f, which is not run",
    ],
    ["process_docs: !function utils.f", UnsupportedError, "process_docs is Python code"],
    [
      "filter_list: [{name: x, filter: [{function: custom, filter_fn: !function utils.g}]}]",
      UnsupportedError,
      "filter_list.0.filter.0.filter_fn is Python code, !function utils.g",
    ],
    [
      "filter_list: [{name: x, filter: [{function: custom}]}]",
      UnsupportedError,
      "filter x: the function custom is not served",
    ],
    ["metric_list: [{metric: bleu}]", UnsupportedError, "the metric bleu is not served"],
    [
      "metric_list: [{metric: exact_match, aggregation: median}]",
      UnsupportedError,
      "the aggregation median of exact_match",
    ],
    [
      "output_type: loglikelihood_rolling",
      UnsupportedError,
      "output_type loglikelihood_rolling is not served",
    ],
    ["output_type: multiple_choice", ConfigError, "has no doc_to_choice"],
    [
      "output_type: loglikelihood\nmetric_list: [{metric: acc}]",
      UnsupportedError,
      "the metric acc of loglikelihood",
    ],
    ["doc_to_image: [image]", UnsupportedError, "doc_to_image is not served: pictures"],
    ["doc_to_tex: a", ConfigError, 'doc_to_tex is no setting of a task (did you mean "doc_to_text"?)'],
    ["num_fewshot: -1", ConfigError, "num_fewshot: "],
    ["fewshot_config: {sampler: balanced}", ConfigError, "fewshot_config.sampler: "],
    ["fewshot_config: {fewshot_indices: [1]}", UnsupportedError, "fewshot_indices is not served"],
    [
      "filter_list: [{name: x, filter: [{function: regex, regex_pattern: '(?>a)'}]}]",
      ConfigError,
      "atomic groups",
    ],
    ["dataset_path: json", ConfigError, "dataset_path json needs dataset_kwargs.data_files"],
    ["include: t.yaml", ConfigError, "includes"],
    ["include: not-there.yaml", ConfigError, "not-there.yaml does not exist"],
    ["doc_to_text: '{{q'", ConfigError, "doc_to_text: the template cannot be read"],
  ])("%s", async (line, kind, message) => {
    const key = line.split(":")[0]!;
    const kept = base.split("\n").filter((one) => !one.startsWith(`${key}:`));
    const file = write("t.yaml", [...kept, line].join("\n"));
    await expect(findTask(file)).rejects.toThrow(kind);
    await expect(findTask(file)).rejects.toThrow(message);
  });

  test("groups, broken files, files that are not there", async () => {
    await expect(findTask(write("g.yaml", "group: g\ntask: [a, b]\n"))).rejects.toThrow(
      "is a group of tasks",
    );
    await expect(findTask(write("b.yaml", "a: [1\n"))).rejects.toThrow("is no YAML");
    await expect(findTask(write("l.yaml", "- 1\n"))).rejects.toThrow("holds no settings");
    await expect(findTask(join(folder, "no.yaml"))).rejects.toThrow("does not exist");
  });

  test("a document without a field names file, row, field", async () => {
    const task = await findTask(write("t.yaml", base));
    await expect(task.open({ data: rows({ q: "x", a: "y" }, { q: "x" }) })).rejects.toThrow(DataError);
    await expect(task.open({ data: rows({ q: "x", a: "y" }, { q: "x" }) })).rejects.toThrow(
      "rows.jsonl, row 2: t.yaml, doc_to_target: a is not defined",
    );
  });
});

test("a task of one's own is a module", async () => {
  const module = `export const task = { name: "own", version: "1", description: "own", kind: "generate", open: async () => ({ items: [] }) };`;
  expect((await findTask(write("own.mjs", module))).name).toBe("own");
  await expect(findTask(write("empty.mjs", "export const a = 1;"))).rejects.toThrow("exports no task");
  await expect(findTask(join(folder, "not-there.mjs"))).rejects.toThrow("cannot be loaded");
});
