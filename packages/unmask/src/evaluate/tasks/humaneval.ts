// HumanEval (Chen et al. 2021): Python functions from signature and docstring. Rows {"task_id", "prompt", "entry_point",
// "test", "canonical_solution"}.
//
//   humaneval                       the prompt is the program's beginning, the response its rest
//   humaneval_instruct              asked in words; the answer begins with the function's head in a fence
//   d3llm_llada_humaneval           d3LLM on LLaDA: asked in words through the chat template, the answer free; no stop
//                                   strings; of the program what Python can read and the entry point needs
//   d3llm_dream_humaneval_instruct  d3LLM on Dream: version 2 of humaneval_instruct's question
//
// Prompts and stop strings: EleutherAI/lm-evaluation-harness 4e7e0d4 (MIT), lm_eval/tasks/humaneval; hao-ai-lab/d3LLM
// e5bfcac, utils/utils_LLaDA/eval_llada.py and utils/utils_Dream/eval_instruct/lm_eval/tasks/humaneval.
//
// Code is taken from a response by its shape (grade/code-extract.ts); under fidelity "released" by the harness's or
// d3LLM's own rule, which for humaneval is everything and for humaneval_instruct everything up to the first fence.

import { type Row, textField } from "./documents.ts";
import { type GenerateDescription, generateTask } from "./generate-task.ts";
import { share } from "./judge.ts";
import { always, byShape, type CodeRule, insideFence, judgeCode, untilFence } from "./judge-code.ts";
import type { Fidelity } from "./task.ts";

export interface HumanEvalDocument {
  readonly task_id: string;
  readonly prompt: string;
  readonly entry_point: string;
  readonly test: string;
}

export function readHumanEval(row: Row): HumanEvalDocument {
  return {
    task_id: textField(row, "task_id"),
    prompt: textField(row, "prompt"),
    entry_point: textField(row, "entry_point"),
    test: textField(row, "test"),
  };
}

export const passAt1 = "pass@1,create_test";

type Rules = Readonly<Record<Fidelity, CodeRule<HumanEvalDocument>>>;

const common = (rules: Rules) =>
  ({
    version: "1",
    data: { path: "openai/openai_humaneval", config: "openai_humaneval", split: "test" },
    read: readHumanEval,
    id: ({ task_id }: HumanEvalDocument) => task_id,
    target: ({ test, entry_point }: HumanEvalDocument) => `${test}\ncheck(${entry_point})`,
    metrics: [share(passAt1)],
    judge: judgeCode<HumanEvalDocument>({
      ...{ grader: "humaneval", metric: passAt1, rules },
      fields: (document) => ({ ...document }),
    }),
  }) satisfies Partial<GenerateDescription<HumanEvalDocument>>;

const stop = ["\nclass", "\ndef", "\n#", "\nif", "\nprint"];
const prompt = ({ prompt: text }: HumanEvalDocument): string => text;
const begun = (document: HumanEvalDocument) =>
  `Here is the completed function:\n\`\`\`python\n${document.prompt}\n`;
const please = "Write a solution to the following problem and make sure that it passes the tests:";

export const humaneval = generateTask({
  ...common(byShape((response) => response)),
  name: "humaneval",
  description: "Python functions, the model goes on with the program",
  question: prompt,
  generation: { stop, maxNewTokens: 1024 },
});

export const humanevalInstruct = generateTask({
  ...common(byShape(untilFence)),
  name: "humaneval_instruct",
  version: "4",
  description: "Python functions, asked in words",
  question: (document) => `${please}\n\`\`\`python\n${document.prompt}\n\`\`\`\n`,
  answerPrefix: begun,
  generation: { stop, maxNewTokens: 1024 },
  chat: true,
});

export const d3llmLladaHumaneval = generateTask({
  ...common(always({ extraction: "reachable" })),
  name: "d3llm_llada_humaneval",
  description: "HumanEval as d3LLM asks LLaDA: in words, a free answer, its longest program judged",
  question: (document) => `${please}\n\`\`\`python\n${document.prompt}\n\`\`\`\n `,
  generation: { stop: [], maxNewTokens: 256 },
  chat: true,
});

export const d3llmDreamHumanevalInstruct = generateTask({
  ...common(always({ cut: insideFence, extraction: "reachable" })),
  name: "d3llm_dream_humaneval_instruct",
  version: "2",
  description: "HumanEval as d3LLM asks Dream: an older form of humaneval_instruct",
  question: (document) => `${please}\n\`\`\`${document.prompt}`,
  answerPrefix: begun,
  generation: { stop, maxNewTokens: 256 },
  chat: true,
});
