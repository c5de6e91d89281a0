// MATH (Hendrycks et al. 2021): competition problems whose answer is LaTeX. Rows {"problem", "solution", "level",
// "type"}, or MATH-500's {"problem", "solution", "answer", "subject", "level", "unique_id"}; T3D's rows have
// {"question", "ground_truth_answer"}. The answer is what the solution's last box holds, or the answer's own field.
//
// Prompts, shots, stop strings: EleutherAI/lm-evaluation-harness 4e7e0d4 (MIT), lm_eval/tasks/minerva_math (version 3) and
// lm_eval/tasks/hendrycks_math (version 1).
//
// Scores: our comparison as mathematics (grade/mathematics.ts), which comes first unless fidelity is "released", and the
// harness's exact_match (math-strings.ts says where it differs). The harness's math_verify is a Python library; ours
// plays its part.

import { DataError } from "../../base/errors.ts";
import { boxed } from "../../grade/extract.ts";
import { gradeMath } from "../../grade/mathematics.ts";
import type { DataSet } from "./data-set.ts";
import { hasField, type Row, textField } from "./documents.ts";
import { generateTask } from "./generate-task.ts";
import { graded, type JudgeOne, judgeEach, share } from "./judge.ts";
import { minervaShots } from "./math-shots.ts";
import {
  hendrycksAnswer,
  minervaAnswer,
  minervaNormal,
  sameByHendrycks,
  sameByMinerva,
} from "./math-strings.ts";
import type { Task, Verdict } from "./task.ts";

export interface MathDocument {
  readonly problem: string;
  readonly solution: string;
  readonly answer: string;
}

/** Some copies carry it behind the problem. */
const instruction = "\nPlease reason step by step, and put your final answer within \\boxed{}.";

export function readMath(row: Row): MathDocument {
  const whole = textField(row, "problem", "question", "prompt");
  const problem = whole.endsWith(instruction) ? whole.slice(0, -instruction.length) : whole;
  const solution = hasField(row, "solution") ? textField(row, "solution") : "";
  const box = boxed(solution).at(-1)?.text;
  const answer = box ?? textField(row, "answer", "ground_truth_answer");
  if (answer.trim() !== "") return { problem, solution, answer };
  throw new DataError(`${row.where} has an empty answer; give rows of MATH`, { row: row.number });
}

/** The whole solution is no gold answer here: where it has several boxes, the last one counts. */
export const gradeMathematics = (response: string, { answer }: MathDocument) =>
  gradeMath()({ gold: answer, response })!;

const ours = "correct,unmask";
const exact = "exact_match,none";

function compared(extracted: string | undefined, isRight: (answer: string) => boolean): Verdict {
  if (extracted === undefined) {
    return { correct: false, extracted: null, reason: "no answer was found", unparsed: true };
  }
  const correct = isRight(extracted);
  return { correct, extracted, reason: correct ? "" : "differs from the target", unparsed: false };
}

const minervaMatch: JudgeOne<MathDocument> = (responses, { answer }) =>
  responses.map((response) => {
    const found = minervaAnswer(response);
    const normal = found === undefined ? undefined : minervaNormal(found);
    return compared(normal, (one) => sameByMinerva(minervaNormal(answer), one));
  });

const hendrycksMatch: JudgeOne<MathDocument> = (responses, { answer }) =>
  responses.map((response) => compared(hendrycksAnswer(response), (one) => sameByHendrycks(answer, one)));

const subjects = {
  algebra: "algebra",
  counting_and_prob: "counting_and_probability",
  geometry: "geometry",
  intermediate_algebra: "intermediate_algebra",
  num_theory: "number_theory",
  prealgebra: "prealgebra",
  precalc: "precalculus",
} as const;

const subjectData = (config: string): DataSet => ({
  ...{ path: "EleutherAI/hendrycks_math", config, split: "test" },
});
const wholeMath = Object.values(subjects).map(subjectData);
const math500: DataSet = { path: "HuggingFaceH4/MATH-500", split: "test" };

const common = {
  read: readMath,
  target: ({ answer }: MathDocument) => answer,
  metrics: [ours, exact].map(share),
  releasedMetrics: [exact, ours].map(share),
  generation: { stop: ["Problem:"] },
} as const;

function minerva(suffix: string, data: DataSet | readonly DataSet[], what: string): Task {
  return generateTask<MathDocument>({
    ...common,
    ...{ name: `minerva_math${suffix}`, version: "3", data },
    description: `${what}, Minerva's four solved problems shown first`,
    question: ({ problem }) => `Problem:\n${problem}\n\nSolution:`,
    shots: { count: 4, sampler: "first_n", examples: minervaShots, answer: ({ solution }) => solution },
    judge: judgeEach({ [ours]: graded(gradeMathematics), [exact]: minervaMatch }, exact),
  });
}

/** Its shots, which are seldom asked for, are rows of the train split. */
function hendrycks(suffix: string, data: DataSet | readonly DataSet[], what: string): Task {
  const sets = [data].flat() as readonly DataSet[];
  const train = suffix === "500" ? undefined : sets.map((one) => ({ ...one, split: "train" }));
  return generateTask<MathDocument>({
    ...common,
    ...{ name: `hendrycks_math${suffix}`, version: "1", data },
    description: `${what}, the answer asked for directly`,
    question: ({ problem }) => `Problem: ${problem}\nAnswer:`,
    shots: { count: 0, sampler: "default", data: train, answer: ({ answer }) => answer },
    judge: judgeEach({ [ours]: graded(gradeMathematics), [exact]: hendrycksMatch }, exact),
  });
}

const perSubject = (make: typeof minerva): Task[] =>
  Object.entries(subjects).map(([suffix, config]) =>
    make(`_${suffix}`, subjectData(config), `MATH, ${config.replaceAll("_", " ")}`),
  );

export const minervaMath = minerva("", wholeMath, "MATH, all seven subjects");
export const minervaMath500 = minerva("500", math500, "MATH-500");
export const minervaSubjects = perSubject(minerva);
export const hendrycksMath = hendrycks("", wholeMath, "MATH, all seven subjects");
export const hendrycksMath500 = hendrycks("500", math500, "MATH-500");
export const hendrycksSubjects = perSubject(hendrycks);
