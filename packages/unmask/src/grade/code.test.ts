import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type CodeOptions, gradeCode, reasonOf } from "./code.ts";
import { extractCode } from "./code-extract.ts";
import { describeIsolation } from "./sandbox.ts";

interface HumanEvalRow {
  readonly task_id: string;
  readonly prompt: string;
  readonly canonical_solution: string;
}

interface MbppRow {
  readonly task_id: number;
  readonly code: string;
}

const rowsOf = <Row>(file: string): Row[] =>
  readFileSync(new URL(`../../test/sandbox/${file}`, import.meta.url), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);

const humanEvalRows = rowsOf<HumanEvalRow>("humaneval.jsonl");
const mbppRows = rowsOf<MbppRow>("mbpp.jsonl");
const isolation = await describeIsolation();
const runs = describe.skipIf(isolation.name === "none");
const why = isolation.name === "none" ? ` (skipped: ${isolation.rejected.join("; ")})` : "";

describe("the code in an answer", () => {
  test.each([
    ["bare code, to the byte", "    return x  \n\n", "    return x  \n\n"],
    ["a Python fence", "Here:\n```python\ndef f(): pass\n```\nDone.", "def f(): pass\n"],
    ["the first of two", "```python\na = 1\n```\nor\n```python\nb = 2\n```", "a = 1\n"],
    ["the first Python fence, behind another", "```sh\nls\n```\n```py\na = 1\n```", "a = 1\n"],
    ["a fence without a language", "So:\n```\na = 1\n```", "a = 1\n"],
    ["a fence that is never closed", "So:\n```python\na = 1\nb = 2", "a = 1\nb = 2"],
    ["an indented fence with a title", "1. So:\n   ```python title=x\na = 1\n   ```\n", "a = 1\n"],
    ["four backticks around three", "````python\ns = '''\n```\n'''\n````\n", "s = '''\n```\n'''\n"],
    ["the closing fence only", "    return x\n```\nThis works.", "    return x\n"],
    [
      "the closing fence, then an example",
      "    return x\n```\nFor example\n```python\nf(1)\n```",
      "    return x\n",
    ],
    ["the closing fence in the line", "    return x```", "    return x"],
    ["Windows lines", "```python\r\na = 1\r\n```", "a = 1\n"],
    ["an empty block", "```python\n```", ""],
    ["nothing", "", ""],
  ])("%s", (_title, answer, code) => {
    expect(extractCode(answer)).toBe(code);
  });

  test("T3D's rule: the last closed Python fence, or nothing", () => {
    expect(extractCode("```python\na\n```\n```python\nb\n```\n```\nc\n```", "last-fence")).toBe("b\n");
    expect(extractCode("```python\na\n```\n```python\nb", "last-fence")).toBe("");
    expect(extractCode("a = 1", "last-fence")).toBe("");
  });
});

async function humanEval(write: (row: HumanEvalRow) => string, options?: CodeOptions) {
  const answers = humanEvalRows.map((row) => ({ task_id: row.task_id, completion: write(row) }));
  const files = { answers: { file: "answers", rows: answers }, data: { file: "tasks", rows: humanEvalRows } };
  return gradeCode("humaneval", files, options);
}

runs(`HumanEval${why}`, () => {
  test("82 canonical solutions pass, each with its body replaced by pass fails", async () => {
    const right = await humanEval((row) => row.canonical_solution);
    expect(right.results.filter(({ correct }) => !correct)).toEqual([]);
    expect(right.totals).toMatchObject({ count: 82, correct: 82, accuracy: 1, pass_at_1: 1, tasks: 82 });
    const wrong = await humanEval(() => "    pass\n");
    expect(wrong.results.filter(({ correct }) => correct)).toEqual([]);
    expect(wrong.results[0]).toMatchObject({
      task_id: "HumanEval/0",
      extracted: "    pass\n",
      reason: expect.stringMatching(/^AssertionError \(tests \d+: assert candidate\(/),
    });
  });

  test("so do whole answers with fences, and the published clean-up of LLaDA's answers", async () => {
    const first = humanEvalRows.slice(0, 51).filter((_, at) => at % 5 === 0);
    const data = { file: "tasks", rows: humanEvalRows };
    const grade = (write: (row: HumanEvalRow) => string, options?: CodeOptions) => {
      const rows = first.map((row) => ({ task_id: row.task_id, completion: write(row) }));
      return gradeCode("humaneval", { answers: { file: "answers", rows }, data }, options);
    };
    const talk = ({ prompt, canonical_solution: body }: HumanEvalRow) =>
      `Sure! Here it is:\n\n\`\`\`python\n${prompt}${body}\`\`\`\n\nIt loops.\n\`\`\`\nf(1)\n\`\`\``;
    expect((await grade(talk)).totals.accuracy).toBe(1);
    const broken = (row: HumanEvalRow) =>
      `\`\`\`python\n${row.prompt}${row.canonical_solution}\nthat is it (\n\`\`\``;
    expect((await grade(broken)).totals.accuracy).toBe(0);
    expect((await grade(broken, { extraction: "reachable" })).totals.accuracy).toBe(1);
  });

  test("an answer without code, a slow one, and one that leaves are wrong and say why", async () => {
    const [{ task_id = "" } = {}] = humanEvalRows;
    const completions = [
      "```python\n```",
      "    while True: pass",
      "    exit()",
      "    return (",
      "x".repeat(2 ** 21),
      "    return \0",
    ];
    const rows = [...completions, humanEvalRows[0]!.canonical_solution].map((completion) => ({
      task_id,
      completion,
    }));
    const files = { answers: { file: "answers", rows }, data: { file: "tasks", rows: humanEvalRows } };
    const { results, totals } = await gradeCode("humaneval", files, { limits: { seconds: 1 } });
    expect(results.map(({ ending }) => ending)).toEqual([
      "no code",
      "timeout",
      "raised",
      "raised",
      "too long",
      "raised",
      "passed",
    ]);
    expect(results.map(({ reason }) => reason.split(/[:(]/)[0]!.trim())).toEqual([
      ...["no code in the answer", "timeout", "SystemExit", "SyntaxError"],
      ...["the completion is longer than 1 MiB", "ValueError", ""],
    ]);
    expect(totals).toMatchObject({
      count: 7,
      correct: 1,
      unparsed: 1,
      timeouts: 1,
      tasks: 1,
      pass_at_1: 1 / 7,
    });
    expect(totals.isolation).toBe(isolation.name);
  });
});

runs(`MBPP${why}`, () => {
  const data = { file: "tasks", rows: mbppRows };
  const grade = (write: (row: MbppRow) => unknown) =>
    gradeCode("mbpp", { answers: { file: "answers", rows: mbppRows.map(write) }, data });

  test("ten rows in both public schemas: their code passes, code of another row fails", async () => {
    const plain = await grade(({ task_id, code }) => ({ task_id, completion: code }));
    expect(plain.results.filter(({ correct }) => !correct)).toEqual([]);
    const done = await grade(({ task_id, code }) => ({
      task_id: `MBPP/${task_id}`,
      completion: `[BEGIN]\n${code}\n[DONE]\nQ: (`,
    }));
    expect(done.totals).toMatchObject({ count: 10, correct: 10 });
    const chat = await grade(({ task_id, code }) => ({
      task_id: String(task_id),
      completion: `So:\n\`\`\`python\n${code}\n\`\`\``,
    }));
    expect(chat.totals.accuracy).toBe(1);
    const others = await grade(({ task_id }) => ({
      task_id,
      completion: mbppRows[(task_id - 9001 + 1) % 10]!.code,
    }));
    expect(others.totals.accuracy).toBe(0);
    expect(others.results[0]?.reason).toMatch(
      /^NameError: name 'first_even' is not defined \(tests \d+: assert /,
    );
  });
});

describe("wrong input names file and row", () => {
  const data = { file: "tasks.jsonl", rows: humanEvalRows };
  test.each([
    [[{ task_id: "HumanEval/0" }], "answers.jsonl, row 1: completion is missing; a string is needed"],
    [[{ completion: "" }], "answers.jsonl, row 1: task_id is missing"],
    [[{ task_id: "HumanEval/999", completion: "" }], "tasks.jsonl has no task HumanEval/999"],
    [[{ task_id: "HumanEval/0", completion: 3 }], "completion is 3"],
    [[[]], "answers.jsonl, row 1 is no JSON object"],
  ])("%j", async (rows, message) => {
    await expect(gradeCode("humaneval", { answers: { file: "answers.jsonl", rows }, data })).rejects.toThrow(
      message,
    );
  });

  test("rows of another data set", async () => {
    const answers = { file: "answers.jsonl", rows: [] };
    await expect(
      gradeCode("humaneval", { answers, data: { file: "tasks.jsonl", rows: mbppRows } }),
    ).rejects.toThrow(
      "tasks.jsonl, row 1 has no prompt; rows of humaneval have task_id, prompt, entry_point, test",
    );
    const odd = { task_id: 1, test_list: "assert True" };
    await expect(gradeCode("mbpp", { answers, data: { file: "t", rows: [odd] } })).rejects.toThrow(
      "a list of strings",
    );
  });
});

test("reasons are one line", () => {
  const common = { cpuSeconds: 0, memoryBytes: 0, output: "" };
  expect(reasonOf({ ...common, ending: "killed", status: 11 })).toBe("ended by signal 11");
  const raised = { error: "E", where: "program", line: 2, source: "f()", message: "one\ntwo" } as const;
  expect(reasonOf({ ...common, ending: "raised", raised })).toBe("E: two (line 2: f())");
});
