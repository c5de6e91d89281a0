// Builds a task that scores one given continuation a document: lm-evaluation-harness's output_type loglikelihood. Its one
// number is the mean negative log-likelihood in nats; the harness's perplexity is its exponential.

import { DataError } from "../../base/errors.ts";
import { type AskDescription, byId, openDocuments, promptOf } from "./asking.ts";
import type { Metric, OpenChooseTask, Task, TaskOptions } from "./task.ts";

export interface LikelihoodDescription<D> extends AskDescription<D> {
  /** With whatever stands between it and the question. */
  continuation(document: D): string;
}

const nll: Metric = { name: "nll,none", higherIsBetter: false, isShare: false };

export function likelihoodTask<D>(task: LikelihoodDescription<D>): Task {
  const { name, version, description } = task;
  return {
    ...{ name, version, description, kind: "choose" },
    open: (options = {}) => openLikelihood(task, options),
  };
}

async function openLikelihood<D>(
  task: LikelihoodDescription<D>,
  options: TaskOptions,
): Promise<OpenChooseTask> {
  const { name, version, description } = task;
  const { asked, provenance } = await openDocuments(task, options);
  const items = asked.map((one) => {
    const continuation = task.continuation(one.document);
    const candidate = { context: promptOf(task, one, { options }).text, continuation, choice: continuation };
    const { number: row, fields: document } = one.row;
    return { id: one.id, row, document, candidates: [candidate], gold: [0] };
  });
  const find = byId(name, items);
  return {
    ...{ kind: "choose", name, version, description, provenance, items, metrics: [nll] },
    async grade(answers) {
      return answers.map(({ id, nlls }) => {
        const { candidates } = find(id);
        const [value] = nlls;
        if (value === undefined) throw new DataError(`document ${id} of ${name} has no likelihood`, { id });
        const extracted = candidates[0]!.choice;
        const verdict = { correct: true, extracted, reason: "", unparsed: false };
        return { id, scores: { [nll.name]: value }, verdicts: [verdict] };
      });
    },
  };
}
