// GSM8K (Cobbe et al. 2021): grade-school problems whose answer is a number. Rows {"question", "answer"}; the answer is
// the reasoning and "#### 18". T3D's rows have {"question", "ground_truth_answer"}.
//
// Prompts, shots, stop strings, filters: EleutherAI/lm-evaluation-harness 4e7e0d4 (MIT), lm_eval/tasks/gsm8k/
// {gsm8k, gsm8k-cot, gsm8k-cot-zeroshot}.yaml, version 3. d3LLM's "GSM8K-CoT" is gsm8k_cot_zeroshot and its
// "Long-GSM8K" is gsm8k with its five shots (eval_scripts/), both with 256 new tokens.
//
// Scores: the harness's two filters, and our own reading of the number (grade/gsm8k.ts), which comes first unless
// fidelity is "released".

import { DataError } from "../../base/errors.ts";
import { gradeGsm8k } from "../../grade/mathematics.ts";
import { type Row, textField } from "./documents.ts";
import { pipeline, regexFilter, takeFirst } from "./filters.ts";
import { type GenerateDescription, generateTask } from "./generate-task.ts";
import { cotShots, firstTrainRows } from "./gsm8k-shots.ts";
import { graded, judgeEach, matching, share } from "./judge.ts";

export interface Gsm8kDocument {
  readonly question: string;
  /** Reasoning and "#### 18", or the number alone. */
  readonly answer: string;
}

export function readGsm8k(row: Row): Gsm8kDocument {
  return { question: textField(row, "question"), answer: textField(row, "answer", "ground_truth_answer") };
}

/** The number that the gold answer ends with, judged by our grader; a row without one is the file's mistake. */
export function gradeNumber(response: string, { answer, question }: Gsm8kDocument) {
  const result = gradeGsm8k()({ gold: answer, response });
  if (result !== undefined) return result;
  throw new DataError(
    `the answer ${JSON.stringify(answer.slice(-60))} to ${JSON.stringify(question.slice(0, 60))} has no number; give rows of GSM8K`,
  );
}

const ours = "correct,unmask";
const [strict, flexible] = ["exact_match,strict-match", "exact_match,flexible-extract"];
export const gsm8kMetrics = [ours, flexible, strict].map(share);
const releasedMetrics = [flexible, strict, ours].map(share);

const ignored = {
  ignoreCase: true,
  ignorePunctuation: false,
  regexesToIgnore: [",", "\\$", "(?s).*#### ", "\\.$"],
};
const lastNumber = pipeline([
  regexFilter({ pattern: "(-?[$0-9.,]{2,})|(-?[0-9]+)", groupSelect: -1 }),
  takeFirst,
]);

function judges(strictPattern: string, gold: (document: Gsm8kDocument) => string) {
  const strictly = pipeline([regexFilter({ pattern: strictPattern }), takeFirst]);
  return judgeEach<Gsm8kDocument>(
    {
      [ours]: graded(gradeNumber),
      [flexible]: matching(lastNumber, gold, ignored),
      [strict]: matching(strictly, gold, ignored),
    },
    flexible,
  );
}

const data = { path: "openai/gsm8k", config: "main", split: "test" } as const;
const train = { ...data, split: "train" } as const;
const answer = ({ answer: text }: Gsm8kDocument): string => text;
const spoken = "The answer is (\\-?[0-9\\.\\,]+).";
const common = {
  ...{ version: "3", data, read: readGsm8k, target: answer, metrics: gsm8kMetrics, releasedMetrics },
} as const;

const long: GenerateDescription<Gsm8kDocument> = {
  ...common,
  name: "gsm8k",
  description: "grade-school problems, five solved ones shown first",
  question: ({ question }) => `Question: ${question}\nAnswer:`,
  shots: { count: 5, sampler: "default", data: train, answer },
  generation: { stop: ["Question:", "</s>", "<|im_end|>"] },
  judge: judges("#### (\\-?[0-9\\.\\,]+)", answer),
};

export const gsm8k = generateTask(long);

/** By d3LLM's name. */
export const gsm8kLong = generateTask({
  ...long,
  name: "gsm8k_long",
  description: "gsm8k by d3LLM's name: Long-GSM8K",
});

export const gsm8kFixed = generateTask({
  ...long,
  name: "gsm8k_fixed_shots",
  description: "gsm8k with the same five shots for every problem, so that it needs no train split",
  shots: { count: 5, sampler: "first_n", examples: firstTrainRows, answer },
});

const stop = ["Q:", "</s>", "<|im_end|>"];

export const gsm8kCotZeroshot = generateTask({
  ...common,
  name: "gsm8k_cot_zeroshot",
  description: 'grade-school problems, no example: "Let\'s think step by step."',
  question: ({ question }) => `Q: ${question}\nA: Let's think step by step.`,
  shots: { count: 0, sampler: "default", data: train, answer },
  generation: { stop },
  judge: judges(spoken, answer),
});

export const gsm8kCot = generateTask({
  ...common,
  name: "gsm8k_cot",
  description: "grade-school problems, the eight worked examples of Wei et al. 2022 shown first",
  question: ({ question }) => `Q: ${question}\nA:`,
  target: ({ answer: text }) => finalPart(text),
  shots: { count: 8, sampler: "first_n", examples: cotShots, answer },
  generation: { stop },
  judge: judges(spoken, ({ answer: text }) => finalPart(text)),
});

/** What stands behind the last "####". */
const finalPart = (text: string): string => text.split("####").at(-1)!.trim();
