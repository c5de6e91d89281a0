// Builds a multiple-choice task from its description: the likelihood of every choice behind the question is scored, and
// the likeliest counts.
//
//   acc               the likeliest choice is right
//   acc_norm          … of the likelihood's logarithm per character of the choice (acc_bytes: per UTF-8 byte)
//   acc_mutual_info   … less its logarithm without the question, for which every choice is scored again
//   brier_score       Σ (p − truth)², p the likelihoods made to sum to 1
//
// Definitions: EleutherAI/lm-evaluation-harness 4e7e0d4 (MIT), lm_eval/api/task.py, process_results.

import { DataError } from "../../base/errors.ts";
import { type AskDescription, type Asked, byId, openDocuments, promptOf } from "./asking.ts";
import type { Candidate, ChooseItem, Graded, Metric, OpenChooseTask, Task, TaskOptions } from "./task.ts";
import { usualDelimiters } from "./turns.ts";

export const choiceMetrics = ["acc", "acc_norm", "acc_bytes", "acc_mutual_info", "brier_score"] as const;
export type ChoiceMetric = (typeof choiceMetrics)[number];

export interface ChooseDescription<D> extends AskDescription<D> {
  choices(document: D): readonly string[];
  /** Index of the right choice; several where any of them counts. */
  gold(document: D): readonly number[];
  /**
   * Where the choices stand in the question and not in the answer (WinoGrande): one question a choice, and what follows
   * each of them.
   */
  readonly ending?: ((document: D) => string) | undefined;
  /** The first is the main one. */
  readonly metrics: readonly ChoiceMetric[];
}

const metricOf = (name: ChoiceMetric): Metric => ({
  name: `${name},none`,
  higherIsBetter: name !== "brier_score",
  isShare: name !== "brier_score",
});

export function chooseTask<D>(task: ChooseDescription<D>): Task {
  const { name, version, description } = task;
  return {
    ...{ name, version, description, kind: "choose" },
    open: (options = {}) => openChoose(task, options),
  };
}

async function openChoose<D>(task: ChooseDescription<D>, options: TaskOptions): Promise<OpenChooseTask> {
  const { name, version, description } = task;
  const { asked, provenance } = await openDocuments(task, options);
  const items = asked.map((one) => itemOf(task, one, options));
  const find = byId(name, items);
  return {
    ...{ kind: "choose", name, version, description, provenance, items },
    metrics: task.metrics.map(metricOf),
    async grade(answers) {
      return answers.map(({ id, nlls }) => {
        const item = find(id);
        if (nlls.length === item.candidates.length) return gradeOne(item, nlls, task.metrics);
        throw new DataError(
          `document ${id} of ${name} has ${item.candidates.length} candidates and ${nlls.length} likelihoods`,
          { id },
        );
      });
    },
  };
}

function itemOf<D>(task: ChooseDescription<D>, one: Asked<D>, options: TaskOptions): ChooseItem {
  const { id, row, document } = one;
  const choices = task.choices(document);
  const gold = task.gold(document);
  if (choices.length === 0) throw new DataError(`${row.where} has no choices`, { row: row.number });
  const wrong = gold.find((index) => !(Number.isInteger(index) && index >= 0 && index < choices.length));
  if (wrong !== undefined || gold.length === 0) {
    throw new DataError(
      `${row.where}: the right answer is ${wrong ?? "missing"} of ${choices.length} choices`,
      {
        row: row.number,
      },
    );
  }
  const { target } = task.delimiters ?? usualDelimiters;
  const contextOf = (question?: string) => promptOf(task, one, { options, question }).text;
  const ending = task.ending?.(document);
  const shared = ending === undefined ? contextOf() : undefined;
  const candidates = choices.map((choice): Candidate => {
    const context = shared ?? contextOf(choice);
    return { context, continuation: `${target}${ending ?? choice}`, choice };
  });
  const alone = task.metrics.includes("acc_mutual_info")
    ? candidates.map((candidate) => ({ ...candidate, context: "" }))
    : [];
  const { number, fields } = row;
  return { id, row: number, document: fields, candidates: [...candidates, ...alone], gold };
}

function gradeOne(
  { id, candidates, gold }: ChooseItem,
  nlls: readonly number[],
  metrics: readonly ChoiceMetric[],
): Graded {
  const count = metrics.includes("acc_mutual_info") ? candidates.length / 2 : candidates.length;
  const choices = candidates.slice(0, count).map(({ choice }) => choice);
  const likelihoods = choices.map((_, at) => -nlls[at]!);
  const ranked: Readonly<Record<Exclude<ChoiceMetric, "brier_score">, () => number[]>> = {
    acc: () => likelihoods,
    acc_norm: () => likelihoods.map((value, at) => value / Array.from(choices[at]!).length),
    acc_bytes: () => likelihoods.map((value, at) => value / Buffer.byteLength(choices[at]!)),
    acc_mutual_info: () => likelihoods.map((value, at) => value + nlls[count + at]!),
  };
  const chosenBy = (metric: keyof typeof ranked) => first(ranked[metric]());
  const scoreBy = (metric: ChoiceMetric) =>
    metric === "brier_score" ? brier(likelihoods, gold[0]!) : Number(gold.includes(chosenBy(metric)));
  const [main] = metrics as [ChoiceMetric];
  const chosen = chosenBy(main === "brier_score" ? "acc" : main);
  const correct = gold.includes(chosen);
  const reason = correct ? "" : `right is ${JSON.stringify(choices[gold[0]!])}`;
  return {
    id,
    scores: Object.fromEntries(metrics.map((metric) => [`${metric},none`, scoreBy(metric)])),
    verdicts: [{ correct, extracted: choices[chosen]!, reason, unparsed: false }],
  };
}

/** The place of the largest; of equal ones the first. */
const first = (values: readonly number[]): number => values.indexOf(Math.max(...values));

function brier(likelihoods: readonly number[], gold: number): number {
  const most = Math.max(...likelihoods);
  const masses = likelihoods.map((value) => Math.exp(value - most));
  const total = masses.reduce((sum, mass) => sum + mass, 0);
  return masses.reduce((sum, mass, at) => sum + (mass / total - Number(at === gold)) ** 2, 0);
}
