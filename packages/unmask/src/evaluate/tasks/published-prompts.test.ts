// Prompts of T3D and d3LLM, letter by letter, and how their rules take code from a response.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { describeIsolation } from "../../grade/sandbox.ts";
import { insideFence, untilFence } from "./judge-code.ts";
import type { OpenGenerateTask, TaskOptions } from "./task.ts";
import { findTask } from "./tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-published-"));
afterAll(() => rmSync(folder, { recursive: true }));

const rows = {
  math: { problem: "1+1?", answer: "2" },
  gsm8k: { question: "How many?", answer: "Some.\n#### 1,200" },
  humaneval: {
    ...{ task_id: "HumanEval/900", prompt: 'def f(x):\n    """ Twice. """\n', entry_point: "f" },
    test: "def check(candidate):\n    assert candidate(2) == 4\n",
  },
  mbpp: {
    ...{ task_id: 900, text: "Write a function f that doubles.", code: "def f(x):\n    return 2 * x" },
    test_list: ["assert f(1) == 2", "assert f(2) == 4", "assert f(0) == 0"],
  },
  t3dCode: {
    ...{ question: "Write f that doubles.", prefix: "```python\ndef f(x):\n", test_method: "function" },
    test_list: ["assert f(1) == 2"],
  },
};

async function open(name: string, row: unknown, options: TaskOptions = {}): Promise<OpenGenerateTask> {
  const data = join(folder, `${name}.jsonl`);
  writeFileSync(data, `${JSON.stringify(row)}\n`);
  return (await (await findTask(name)).open({ data, ...options })) as OpenGenerateTask;
}

test.each([
  [
    "t3d_math500",
    rows.math,
    "1+1?\nPlease reason step by step, and put your final answer within \\boxed{}.",
    "",
  ],
  [
    "t3d_math500_direct",
    rows.math,
    "You need to put your final answer in \\boxed{}. This is the problem:\n1+1?",
    "",
  ],
  [
    "t3d_gsm8k",
    rows.gsm8k,
    "How many?\nPlease reason step by step, and put your final answer within \\boxed{}.",
    "",
  ],
  [
    "t3d_mbpp",
    rows.t3dCode,
    "This is the problem:\nWrite f that doubles.\nPlace your code within a single Python code block ```python ```. Do not include more than one code block. ",
    "```python\ndef f(x):\n",
  ],
  [
    "d3llm_llada_humaneval",
    rows.humaneval,
    'Write a solution to the following problem and make sure that it passes the tests:\n```python\ndef f(x):\n    """ Twice. """\n\n```\n ',
    "",
  ],
  [
    "d3llm_dream_humaneval_instruct",
    rows.humaneval,
    'Write a solution to the following problem and make sure that it passes the tests:\n```def f(x):\n    """ Twice. """\n',
    'Here is the completed function:\n```python\ndef f(x):\n    """ Twice. """\n\n',
  ],
])("%s asks", async (name, row, content, answerPrefix) => {
  const task = await open(name, row);
  expect(task.items[0]!.prompt.messages).toEqual([{ role: "user", content }]);
  expect(task.items[0]!.prompt.answerPrefix).toBe(answerPrefix);
  expect(task.chat).toBe(true);
});

test("d3llm_dream_mbpp_instruct shows three examples", async () => {
  const { items } = await open("d3llm_dream_mbpp_instruct", rows.mbpp, { fewshotAsMultiturn: false });
  const [message] = items[0]!.prompt.messages;
  expect(message!.content).toMatch(
    /^You are an expert Python programmer, and here is your task: Write a function to find the similar elements from the given two tuple lists\. Your code should pass these tests:\n\nassert similar_elements/,
  );
  expect(message!.content!.match(/\[DONE\]/g)).toHaveLength(3);
  expect(items[0]!.prompt.answerPrefix).toBe("Here is the completed function:\n```python\n");
});

test("T3D's mathematics by its own rules and by ours", async () => {
  const task = await open("t3d_math500", { problem: "1/4?", answer: "\\frac{1}{4}" });
  const score = async (response: string) =>
    Object.values((await task.grade([{ id: "1", responses: [response] }]))[0]!.scores);
  expect(await score("So \\boxed{0.25}.")).toEqual([1, 0]);
  expect(await score("So \\boxed{\\frac14}.")).toEqual([1, 1]);
  expect(await score("The answer is 1/4.")).toEqual([1, 0]);
  expect(task.generation).toMatchObject({ maxNewTokens: 2000, temperature: 0.1, stop: [] });
});

test("T3D's gold number has no commas", async () => {
  const { items } = await open("t3d_gsm8k", rows.gsm8k);
  expect(items[0]!.target).toBe("1200");
});

test("only functions are judged", async () => {
  await expect(open("t3d_mbpp", { ...rows.t3dCode, test_method: "stdio" })).rejects.toThrow(
    'row 1: test_method is "stdio"; only "function" is served',
  );
});

test("what the rules take", () => {
  expect(untilFence("a\n```\nb")).toBe("a\n");
  expect(insideFence("So:\n```python\na\n```\n```python\nb\n```")).toBe("a\n");
  expect(insideFence("a```b")).toBe("a");
  expect(insideFence("```python\n")).toBe("");
});

const isolation = await describeIsolation();

describe.skipIf(isolation.name === "none")("programs", () => {
  const verdicts = async (name: string, row: unknown, responses: string[], options: TaskOptions = {}) => {
    const task = await open(name, row, options);
    const [graded] = await task.grade([{ id: task.items[0]!.id, responses }]);
    return graded!.verdicts.map(({ correct }) => correct);
  };

  test("T3D: the last closed fence of prefix and response", async () => {
    const responses = [
      "    return 2 * x\n```",
      "    return 2 * x\n",
      "    pass\n```\n```python\ndef f(x): return x + x\n```",
    ];
    expect(await verdicts("t3d_mbpp", rows.t3dCode, responses)).toEqual([true, false, true]);
  });

  test("humaneval_instruct: a second fence, by the shape and by the harness's rule", async () => {
    const responses = ["    return 2 * x\n```\nDone.", "Sure:\n```python\ndef f(x):\n    return 2 * x\n```"];
    expect(await verdicts("humaneval_instruct", rows.humaneval, responses)).toEqual([true, true]);
    const released = { fidelity: "released" } as const;
    expect(await verdicts("humaneval_instruct", rows.humaneval, responses, released)).toEqual([true, false]);
  });

  test("mbpp_instruct: the harness's rule loses a first word", async () => {
    const responses = ["def f(x):\n    return 2 * x\n```", "\ndef f(x):\n    return 2 * x\n```"];
    expect(await verdicts("mbpp_instruct", rows.mbpp, responses)).toEqual([true, true]);
    const released = { fidelity: "released" } as const;
    expect(await verdicts("mbpp_instruct", rows.mbpp, responses, released)).toEqual([false, true]);
  });

  test("d3LLM on LLaDA: the program within what was written", async () => {
    const response =
      "```python\ndef g(x):\n    return x\ndef f(x):\n    return g(x) + x\n```\nThis doubles x.";
    expect(await verdicts("d3llm_llada_humaneval", rows.humaneval, [response])).toEqual([true]);
  });
});
