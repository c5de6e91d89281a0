// MBPP (Austin et al. 2021): Python functions from one sentence and three assertions. Rows of the full set {"task_id",
// "text", "code", "test_list", "test_setup_code"}, of the sanitised set {"task_id", "prompt", "code", "test_list",
// "test_imports"}.
//
//   mbpp                       three solved examples; the code stands between [BEGIN] and [DONE]
//   mbpp_instruct              three examples, the answer begins with a fence
//   d3llm_dream_mbpp_instruct  d3LLM on Dream: an older question and another beginning; its scripts ask for four
//                              examples of the three there are, so three are shown
//
// d3LLM on LLaDA asks mbpp through the chat template: chat_template: true does that.
//
// Prompts, shots, stop strings: EleutherAI/lm-evaluation-harness 4e7e0d4 (MIT), lm_eval/tasks/mbpp (version 1);
// hao-ai-lab/d3LLM e5bfcac, utils/utils_Dream/eval_instruct/lm_eval/tasks/mbpp/mbpp_instruct.yaml.
//
// Under fidelity "released" the harness's own rules take the code: mbpp everything, mbpp_instruct the first block.

import { DataError } from "../../base/errors.ts";
import { hasField, type Row, rowsOf, textField, textsField } from "./documents.ts";
import { type GenerateDescription, generateTask } from "./generate-task.ts";
import { share } from "./judge.ts";
import { byShape, judgeCode, untilFence } from "./judge-code.ts";
import { mbppShots } from "./mbpp-shots.ts";

export interface MbppDocument {
  readonly task_id: string;
  readonly text: string;
  readonly code: string;
  readonly test_list: readonly string[];
  readonly test_imports: readonly string[];
  readonly test_setup_code: string;
}

export function readMbpp(row: Row): MbppDocument {
  const tests = textsField(row, "test_list");
  if (tests.length === 0) throw new DataError(`${row.where} has an empty test_list; give rows of MBPP`);
  return {
    task_id: textField(row, "task_id"),
    text: textField(row, "text", "prompt"),
    code: hasField(row, "code") ? textField(row, "code") : "",
    test_list: tests,
    test_imports: hasField(row, "test_imports") ? textsField(row, "test_imports") : [],
    test_setup_code: hasField(row, "test_setup_code") ? textField(row, "test_setup_code") : "",
  };
}

/** Three in every row of the public sets; those there are. */
const firstTests = ({ test_list }: MbppDocument): string =>
  [0, 1, 2].map((at) => test_list[at] ?? "").join("\n");

const examples = rowsOf("mbpp's examples", mbppShots).map(readMbpp);

function common(metric: string, released: (response: string) => string) {
  return {
    version: "1",
    data: { path: "google-research-datasets/mbpp", config: "full", split: "test" },
    read: readMbpp,
    id: ({ task_id }: MbppDocument) => task_id,
    target: firstTests,
    delimiters: { target: "", shot: "\n\n" },
    metrics: [share(metric)],
    judge: judgeCode<MbppDocument>({
      ...{ grader: "mbpp", metric, rules: byShape(released) },
      fields: (document) => ({ ...document }),
    }),
  } satisfies Partial<GenerateDescription<MbppDocument>>;
}

/**
 * The response goes on inside a fence that the prompt opened: what stands before the next one. The rule takes a first
 * word ("def") for the fence's language and leaves it out; a response that begins with a fence has an empty block.
 */
const firstBlock = (response: string): string => {
  const [, block] = /^(?:\w+)?\n?([\s\S]*?)\n?```/.exec(response) ?? [];
  return block ?? "";
};

export const mbpp = generateTask({
  ...common("pass@1,none", (response) => response),
  name: "mbpp",
  description: "Python functions from a sentence and three tests, three examples shown first",
  question: (document) =>
    `You are an expert Python programmer, and here is your task: ${document.text} Your code should pass these tests:\n\n${firstTests(document)}\n[BEGIN]\n`,
  shots: { count: 3, sampler: "first_n", examples, answer: ({ code }) => `${code}\n[DONE]` },
  generation: { stop: ["[DONE]"] },
});

export const mbppInstruct = generateTask({
  ...common("pass@1,extract_code", firstBlock),
  name: "mbpp_instruct",
  description: "Python functions, asked in words, three examples shown first",
  question: (document) =>
    `You are an expert Python programmer, and here is your task:\n${document.text}\nYour code should pass these tests:\n${firstTests(document)}`,
  answerPrefix: () => "\n```python\n",
  shots: { count: 3, sampler: "first_n", examples, answer: ({ code }) => `${code}\n\`\`\`` },
  generation: { stop: [], maxNewTokens: 256 },
  chat: true,
});

export const d3llmDreamMbppInstruct = generateTask({
  ...common("pass@1,none", untilFence),
  name: "d3llm_dream_mbpp_instruct",
  description: "MBPP as d3LLM asks Dream: an older form of mbpp_instruct",
  question: (document) =>
    `You are an expert Python programmer, and here is your task: ${document.text} Your code should pass these tests:\n\n${firstTests(document)}`,
  answerPrefix: () => "Here is the completed function:\n```python\n",
  shots: { count: 3, sampler: "first_n", examples, answer: ({ code }) => `${code}\n[DONE]` },
  generation: { stop: ["```"], maxNewTokens: 256 },
  chat: true,
});
