// Builds a task whose answers are texts from its description: how a document is read, asked, and judged.

import { DataError } from "../../base/errors.ts";
import { type AskDescription, type Asked, byId, openDocuments, promptOf } from "./asking.ts";
import type { Generation, Metric, OpenGenerateTask, Task, TaskOptions, TextAnswer, Verdict } from "./task.ts";

export interface GenerateDescription<D> extends AskDescription<D> {
  /** For reports. */
  target(document: D): string;
  readonly generation: Partial<Generation>;
  /** Whether a chat template is meant to be applied; not, unless said. */
  readonly chat?: boolean | undefined;
  readonly metrics: readonly Metric[];
  /** The metrics under `fidelity: released`, where another comes first. */
  readonly releasedMetrics?: readonly Metric[] | undefined;
  judge: JudgeAll<D>;
}

/** The responses to one document. */
export interface Answered<D> extends Asked<D> {
  readonly responses: readonly string[];
}

/** Scores by metric; verdicts of the metric that comes first, one a response. */
export interface Judged {
  readonly scores: Readonly<Record<string, number>>;
  readonly verdicts: readonly Verdict[];
}

export type JudgeAll<D> = (answered: readonly Answered<D>[], options: TaskOptions) => Promise<Judged[]>;

const usualGeneration: Generation = { stop: [], maxNewTokens: 256, temperature: 0, repeats: 1 };

export function generateTask<D>(task: GenerateDescription<D>): Task {
  const { name, version, description } = task;
  return {
    ...{ name, version, description, kind: "generate" },
    open: (options = {}) => openGenerate(task, options),
  };
}

async function openGenerate<D>(
  task: GenerateDescription<D>,
  options: TaskOptions,
): Promise<OpenGenerateTask> {
  const { name, version, description } = task;
  const { asked, provenance } = await openDocuments(task, options);
  const find = byId(name, asked);
  return {
    ...{ kind: "generate", name, version, description, provenance },
    items: asked.map((one) => ({
      ...{ id: one.id, row: one.row.number, document: one.row.fields },
      prompt: promptOf(task, one, { options }),
      target: task.target(one.document),
    })),
    metrics: options.fidelity === "released" ? (task.releasedMetrics ?? task.metrics) : task.metrics,
    generation: { ...usualGeneration, ...task.generation },
    chat: task.chat ?? false,
    async grade(answers: readonly TextAnswer[]) {
      const answered = answers.map(({ id, responses }) => {
        if (responses.length === 0) throw new DataError(`document ${id} of ${name} has no response`, { id });
        return { ...find(id), responses };
      });
      const judged = await task.judge(answered, options);
      return judged.map((one, at) => ({ id: answers[at]!.id, ...one }));
    },
  };
}
