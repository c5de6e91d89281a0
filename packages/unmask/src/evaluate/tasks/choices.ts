// Multiple choice by likelihood: ARC, HellaSwag, PIQA, WinoGrande, OpenBookQA, BoolQ, MMLU.
//
// Prompts, choices, metrics: EleutherAI/lm-evaluation-harness 4e7e0d4 (MIT), lm_eval/tasks/{arc, hellaswag, piqa,
// winogrande, openbookqa, super_glue/boolq, mmlu/default}.

import { capitalized, pythonStrip } from "../../text/python-text.ts";
import { type ChooseDescription, chooseTask } from "./choose-task.ts";
import type { DataSet } from "./data-set.ts";
import { integerField, type Row, textField, textsField, wrongField } from "./documents.ts";

interface Choice {
  readonly question: string;
  readonly choices: readonly string[];
  readonly gold: number;
}

const common = {
  version: "1",
  question: ({ question }: Choice) => question,
  choices: ({ choices }: Choice) => choices,
  gold: ({ gold }: Choice) => [gold],
  metrics: ["acc", "acc_norm"],
} as const satisfies Partial<ChooseDescription<Choice>>;

/** Shots from the train split, drawn; where there is no test split the harness draws one more than it shows. */
const train = (data: DataSet, oneMore: boolean): Pick<ChooseDescription<Choice>, "shots"> => ({
  shots: {
    ...{ count: 0, sampler: "default", data: { ...data, split: "train" }, oneMore },
    answer: ({ choices, gold }: Choice) => choices[gold]!,
  },
});

/** {"choices": {"label": ["A", …], "text": […]}, "answerKey": "A"}, as ARC and OpenBookQA have it. */
function lettered(row: Row, question: string): Choice {
  const { choices } = row.fields as { choices?: { label?: unknown; text?: unknown } };
  const inner = { ...row, fields: choices ?? {} };
  const labels = textsField(inner, "label");
  const key = textField(row, "answerKey");
  const gold = labels.indexOf(key.trim());
  if (gold === -1) throw wrongField(row, ["answerKey"], key, `one of ${labels.join(", ")}`);
  return { question, choices: textsField(inner, "text"), gold };
}

const arc = (name: string, config: string) => {
  const data = { path: "allenai/ai2_arc", config, split: "test" };
  return chooseTask<Choice>({
    ...{ ...common, ...train(data, false), name, data },
    description: `grade-school science questions, ${config}`,
    read: (row) => lettered(row, `Question: ${textField(row, "question")}\nAnswer:`),
  });
};

export const arcEasy = arc("arc_easy", "ARC-Easy");
export const arcChallenge = arc("arc_challenge", "ARC-Challenge");

const openbook = { path: "allenai/openbookqa", config: "main", split: "test" };
export const openbookqa = chooseTask<Choice>({
  ...{ ...common, ...train(openbook, false), name: "openbookqa", data: openbook },
  description: "science questions that need a fact of a book",
  read: (row) => lettered(row, textField(row, "question_stem")),
});

const hellaswagData = { path: "Rowan/hellaswag", split: "validation" };

/** Marks of the WikiHow part. */
const tidied = (text: string): string =>
  pythonStrip(text)
    .replaceAll(" [title]", ". ")
    .replace(/\[[^\n]*?\]/g, "")
    .replaceAll("  ", " ");

export const hellaswag = chooseTask<Choice>({
  ...{ ...common, ...train(hellaswagData, true), name: "hellaswag", data: hellaswagData },
  description: "how a text goes on",
  read: (row) => {
    const context = `${textField(row, "ctx_a")} ${capitalized(textField(row, "ctx_b"))}`;
    return {
      question: tidied(`${textField(row, "activity_label")}: ${context}`),
      choices: textsField(row, "endings").map(tidied),
      gold: integerField(row, "label"),
    };
  },
});

const piqaData = { path: "baber/piqa", split: "validation" };
export const piqa = chooseTask<Choice>({
  ...{ ...common, ...train(piqaData, true), name: "piqa", data: piqaData },
  description: "which of two ways works",
  read: (row) => ({
    question: `Question: ${textField(row, "goal")}\nAnswer:`,
    choices: [textField(row, "sol1"), textField(row, "sol2")],
    gold: integerField(row, "label"),
  }),
});

const boolqData = { path: "aps/super_glue", config: "boolq", split: "validation" };
export const boolq = chooseTask<Choice>({
  ...{ ...common, ...train(boolqData, true), name: "boolq", data: boolqData },
  version: "2",
  description: "yes or no to a question about a passage",
  metrics: ["acc"],
  read: (row) => ({
    question: `${textField(row, "passage")}\nQuestion: ${textField(row, "question")}?\nAnswer:`,
    choices: ["no", "yes"],
    gold: integerField(row, "label"),
  }),
});

interface Winogrande {
  /** The sentence up to the gap, filled with each option. */
  readonly contexts: readonly string[];
  readonly ending: string;
  readonly gold: number;
}

const winograndeData = { path: "allenai/winogrande", config: "winogrande_xl", split: "validation" };
export const winogrande = chooseTask<Winogrande>({
  name: "winogrande",
  version: "1",
  description: "which of two names fills a gap: the likelihood of what follows it",
  data: winograndeData,
  read: (row) => {
    const sentence = textField(row, "sentence");
    const at = sentence.indexOf("_");
    if (at === -1) throw wrongField(row, ["sentence"], sentence, "a gap _");
    const options = [textField(row, "option1"), textField(row, "option2")];
    return {
      contexts: options.map((option) => `${sentence.slice(0, at)}${option}`),
      ending: pythonStrip(sentence.slice(at + 1)),
      gold: integerField(row, "answer") - 1,
    };
  },
  question: ({ contexts, gold }) => contexts[gold]!,
  choices: ({ contexts }) => contexts,
  ending: ({ ending }) => ending,
  gold: ({ gold }) => [gold],
  shots: {
    ...{ count: 0, sampler: "default", data: { ...winograndeData, split: "train" }, oneMore: true },
    answer: ({ ending }) => ending,
  },
  metrics: ["acc"],
});

interface Mmlu extends Choice {
  readonly subject: string;
}

const letters = ["A", "B", "C", "D"];
const mmluData = { path: "cais/mmlu", config: "all", split: "test" };
export const mmlu = chooseTask<Mmlu>({
  ...common,
  name: "mmlu",
  version: "2",
  description: "questions of 57 subjects, the likelihood of the letters A to D",
  data: mmluData,
  metrics: ["acc"],
  read: (row) => {
    const options = textsField(row, "choices");
    if (options.length !== letters.length)
      throw wrongField(row, ["choices"], options, "a list of four texts");
    const listed = options.map((option, at) => `${letters[at]}. ${option}`).join("\n");
    return {
      question: `${pythonStrip(textField(row, "question"))}\n${listed}\nAnswer:`,
      choices: letters,
      gold: integerField(row, "answer"),
      subject: textField(row, "subject"),
    };
  },
  preamble: ({ subject }) =>
    `The following are multiple choice questions (with answers) about ${subject.replaceAll("_", " ")}.\n\n`,
  shots: {
    ...{ count: 0, sampler: "first_n", data: { ...mmluData, split: "dev" } },
    group: ({ subject }) => subject,
    answer: ({ choices, gold }) => choices[gold]!,
  },
});
