// Word problems of the synthetic language (language/arithmetic.ts) as tasks, for models trained on them:
// problems_SIZE, and problems_SIZE_varied where steps of reasoning are said in several ways; with _faithful behind the
// name the score is the reasoning, for a right answer may stand behind a wrong one. Rows {"question"}, or
// {"prompt"} as `unmask language problems` writes them; the truth is computed from the question alone.
//
//   answer      the number behind the last "answer"
//   reasoning   every step is arithmetically right
//   faithful    and the steps are those that the question tells

import {
  describeProblems,
  type ProblemSize,
  problemSizes,
  sampleProblem,
} from "../../language/arithmetic.ts";
import { checkAnswer, solve, verifyReasoning } from "../../language/arithmetic-check.ts";
import { type Wording, wordings } from "../../language/reasoning.ts";
import { type Row, textField, wrongField } from "./documents.ts";
import { generateTask } from "./generate-task.ts";
import { type JudgeOne, judgeEach, share } from "./judge.ts";
import { madeDocuments } from "./made.ts";
import type { Task, Verdict } from "./task.ts";

interface ProblemDocument {
  readonly question: string;
  readonly answer: number;
}

function read(row: Row): ProblemDocument {
  const question = textField(row, "question", "prompt");
  const solved = solve(question);
  if (solved !== undefined) return { question, answer: solved.answer };
  throw wrongField(row, ["question"], question, "a problem of the synthetic language");
}

const answered: JudgeOne<ProblemDocument> = (responses, { question }) =>
  responses.map((response): Verdict => {
    const { correct, extracted, reason } = checkAnswer(question, response);
    const found = extracted === undefined ? null : String(extracted);
    return { correct, extracted: found, reason, unparsed: found === null };
  });

const reasoned =
  (what: "correct" | "faithful"): JudgeOne<ProblemDocument> =>
  (responses, { question }) =>
    responses.map((response): Verdict => {
      const found = verifyReasoning(question, response);
      const extracted = found.steps.map(
        ({ left, operator, right, result }) => `${left} ${operator} ${right} = ${result}`,
      );
      const correct = found[what];
      return {
        correct,
        extracted: extracted.join(" . "),
        reason: correct ? "" : found.reason,
        unparsed: false,
      };
    });

/** Words of a question that has all its numbers of one word: what a text has besides is the answer's. */
const shortestQuestion = (size: ProblemSize): number =>
  sampleProblem(() => 0, size).question.split(" ").length;

/** What the score is of; the others stand beside it. */
const scores = ["answer", "faithful"] as const;
type Score = (typeof scores)[number];

const judges: Readonly<Record<string, JudgeOne<ProblemDocument>>> = {
  answer: answered,
  reasoning: reasoned("correct"),
  faithful: reasoned("faithful"),
};

const problemsOf = (size: ProblemSize, wording: Wording, score: Score): Task => {
  const suffixes = [wording === "plain" ? "" : `_${wording}`, score === "answer" ? "" : `_${score}`];
  const metrics = [score, ...Object.keys(judges).filter((name) => name !== score)];
  return generateTask<ProblemDocument>({
    name: `problems_${size}${suffixes.join("")}`,
    version: "1",
    description: `word problems of the synthetic language, ${wording} wording${score === "answer" ? "" : ": the reasoning"}`,
    made: madeDocuments((uniform) => ({ question: sampleProblem(uniform, size, wording).question })),
    read,
    question: ({ question }) => question,
    target: ({ answer }) => String(answer),
    // A token a word, and one that ends the text.
    generation: { maxNewTokens: describeProblems(size, wording).maxWords - shortestQuestion(size) + 1 },
    metrics: metrics.map((name) => share(`${name},none`)),
    judge: judgeEach(Object.fromEntries(metrics.map((name) => [`${name},none`, judges[name]!]))),
  });
};

export const problems: readonly Task[] = problemSizes.flatMap((size) =>
  scores.flatMap((score) => wordings.map((wording) => problemsOf(size, wording, score))),
);
