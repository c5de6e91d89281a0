// T3D's evaluation: its prompts and its rules of judging (Tyrion58/T3D 330e9c6, sample/sdar_sample.py and reward/). Its
// template is Qwen's without a system message, so the chat template of an SDAR checkpoint gives the same tokens.
//
// Rows: those of the task's public data set, or T3D's own ({"question", "ground_truth_answer"} for mathematics,
// {"question", "prefix", "test_list", "test_method": "function"} for code). Public rows of code have no `question`: it
// is then HumanEval's prompt, or MBPP's sentence with its tests, and there is no prefix.
//
// Scores of mathematics: ours, and T3D's string rules (grade/released.ts), which come first under fidelity "released".
// Code is the last closed Python fence of prefix and response. Temperature 0.1 and up to 2,000 tokens as its README and
// configs/eval.yaml have them.

import { UnsupportedError } from "../../base/errors.ts";
import { gradeMath } from "../../grade/mathematics.ts";
import { hasField, type Row, textField, textsField } from "./documents.ts";
import { type GenerateDescription, generateTask } from "./generate-task.ts";
import { gradeNumber, readGsm8k } from "./gsm8k.ts";
import { readHumanEval } from "./humaneval.ts";
import { graded, judgeEach, share } from "./judge.ts";
import { always, judgeCode } from "./judge-code.ts";
import { gradeMathematics, type MathDocument, readMath } from "./math.ts";
import { readMbpp } from "./mbpp.ts";

const generation = { maxNewTokens: 2000, temperature: 0.1 };
const [ours, theirs] = ["correct,unmask", "accuracy,t3d"];
const math500 = { path: "HuggingFaceH4/MATH-500", split: "test" } as const;
const gsm8kTest = { path: "openai/gsm8k", config: "main", split: "test" } as const;

/** Their rows hold the number alone. */
function readNumber(row: Row): MathDocument {
  const { question, answer } = readGsm8k(row);
  return {
    problem: question,
    solution: answer,
    answer: answer.split("####").at(-1)!.trim().replaceAll(",", ""),
  };
}

const released = gradeMath("released");

const mathematics = {
  version: "1",
  metrics: [ours, theirs].map(share),
  releasedMetrics: [theirs, ours].map(share),
  target: ({ answer }: MathDocument) => answer,
  ...{ generation, chat: true },
} satisfies Partial<GenerateDescription<MathDocument>>;

const judge = judgeEach<MathDocument>(
  {
    [ours]: graded(gradeMathematics),
    [theirs]: graded((response, { answer }) => released({ gold: answer, response })!),
  },
  theirs,
);

const stepByStep = ({ problem }: MathDocument): string =>
  `${problem}\nPlease reason step by step, and put your final answer within \\boxed{}.`;

export const t3dMath500 = generateTask({
  ...{ ...mathematics, judge, data: math500, read: readMath, question: stepByStep },
  name: "t3d_math500",
  description: "MATH-500 as T3D asks: step by step, the answer in a box",
});

export const t3dMath500Direct = generateTask({
  ...{ ...mathematics, judge, data: math500, read: readMath },
  name: "t3d_math500_direct",
  description: "MATH-500 by T3D's other prompt, without reasoning",
  question: ({ problem }) =>
    `You need to put your final answer in \\boxed{}. This is the problem:\n${problem}`,
});

export const t3dGsm8k = generateTask({
  ...{ ...mathematics, data: gsm8kTest, read: readNumber, question: stepByStep },
  name: "t3d_gsm8k",
  description: "GSM8K as T3D asks: step by step, the answer in a box",
  judge: judgeEach<MathDocument>(
    {
      [ours]: graded((response, { problem, solution }) =>
        gradeNumber(response, { question: problem, answer: solution }),
      ),
      [theirs]: graded((response, { answer }) => released({ gold: answer, response })!),
    },
    theirs,
  ),
});

interface CodeDocument {
  readonly id: string;
  readonly question: string;
  readonly prefix: string;
  readonly tests: readonly string[];
  readonly setUp: readonly string[];
}

/** Undefined for a row of a public data set. */
function readOwn(row: Row): CodeDocument | undefined {
  if (!hasField(row, "question")) return undefined;
  const method = hasField(row, "test_method") ? textField(row, "test_method") : "function";
  if (method !== "function") {
    throw new UnsupportedError(
      `${row.where}: test_method is ${JSON.stringify(method)}; only "function" is served`,
    );
  }
  const id = hasField(row, "task_id") ? textField(row, "task_id") : String(row.number);
  const prefix = hasField(row, "prefix") ? textField(row, "prefix") : "";
  const question = textField(row, "question");
  return { id, question, prefix, tests: textsField(row, "test_list"), setUp: [] };
}

function readHumanEvalCode(row: Row): CodeDocument {
  const own = readOwn(row);
  if (own !== undefined) return own;
  const { task_id: id, prompt, test, entry_point } = readHumanEval(row);
  return { id, question: prompt, prefix: "", tests: [`${test}\ncheck(${entry_point})`], setUp: [] };
}

function readMbppCode(row: Row): CodeDocument {
  const own = readOwn(row);
  if (own !== undefined) return own;
  const { task_id: id, text, test_list: tests, test_imports, test_setup_code } = readMbpp(row);
  const question = `${text}\nYour code should pass these tests:\n${tests.join("\n")}`;
  return { id, question, prefix: "", tests, setUp: [...test_imports, test_setup_code] };
}

const passAt1 = "pass@1,t3d";

const code = {
  version: "1",
  metrics: [share(passAt1)],
  id: ({ id }: CodeDocument) => id,
  question: ({ question }: CodeDocument) =>
    `This is the problem:\n${question}\nPlace your code within a single Python code block \`\`\`python \`\`\`. Do not include more than one code block. `,
  answerPrefix: ({ prefix }: CodeDocument) => prefix,
  target: ({ tests }: CodeDocument) => tests.join("\n"),
  ...{ generation, chat: true },
  judge: judgeCode<CodeDocument>({
    ...{ grader: "mbpp", metric: passAt1 },
    fields: ({ tests, setUp }) => ({ test_list: tests, test_imports: setUp }),
    rules: always({
      cut: (response, { prefix }) => `${prefix}${response}`,
      extraction: "last-fence",
    }),
  }),
} satisfies Partial<GenerateDescription<CodeDocument>>;

export const t3dHumaneval = generateTask({
  ...{ ...code, read: readHumanEvalCode },
  name: "t3d_humaneval",
  description: "HumanEval as T3D asks: one Python block",
  data: { path: "openai/openai_humaneval", config: "openai_humaneval", split: "test" },
});

export const t3dMbpp = generateTask({
  ...{ ...code, read: readMbppCode },
  name: "t3d_mbpp",
  description: "MBPP as T3D asks: one Python block",
  data: { path: "google-research-datasets/mbpp", config: "full", split: "test" },
});
