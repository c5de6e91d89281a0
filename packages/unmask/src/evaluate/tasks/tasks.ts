// The tasks that evaluation knows: one line each. Names are lm-evaluation-harness's where the task is its; t3d_… and
// d3llm_… are the prompts of those repositories.

import { UsageError } from "../../base/errors.ts";
import { didYouMean } from "../../base/nearest.ts";
import { arcChallenge, arcEasy, boolq, hellaswag, mmlu, openbookqa, piqa, winogrande } from "./choices.ts";
import { freeText } from "./free-text.ts";
import { gsm8k, gsm8kCot, gsm8kCotZeroshot, gsm8kFixed, gsm8kLong } from "./gsm8k.ts";
import { harnessTask } from "./harness-task.ts";
import {
  d3llmDreamHumanevalInstruct,
  d3llmLladaHumaneval,
  humaneval,
  humanevalInstruct,
} from "./humaneval.ts";
import {
  hendrycksMath,
  hendrycksMath500,
  hendrycksSubjects,
  minervaMath,
  minervaMath500,
  minervaSubjects,
} from "./math.ts";
import { d3llmDreamMbppInstruct, mbpp, mbppInstruct } from "./mbpp.ts";
import { problems } from "./problems.ts";
import { stories } from "./stories.ts";
import { t3dGsm8k, t3dHumaneval, t3dMath500, t3dMath500Direct, t3dMbpp } from "./t3d.ts";
import type { Task } from "./task.ts";
import { moduleTask } from "./user-module.ts";

export const tasks: readonly Task[] = [
  ...[gsm8k, gsm8kLong, gsm8kFixed, gsm8kCot, gsm8kCotZeroshot],
  ...[minervaMath, minervaMath500, ...minervaSubjects],
  ...[hendrycksMath, hendrycksMath500, ...hendrycksSubjects],
  ...[humaneval, humanevalInstruct, d3llmLladaHumaneval, d3llmDreamHumanevalInstruct],
  ...[mbpp, mbppInstruct, d3llmDreamMbppInstruct],
  ...[t3dMath500, t3dMath500Direct, t3dGsm8k, t3dHumaneval, t3dMbpp],
  ...[arcEasy, arcChallenge, hellaswag, piqa, winogrande, openbookqa, boolq, mmlu],
  ...[freeText, ...stories, ...problems],
];

export const taskNames: readonly string[] = tasks.map(({ name }) => name);

/**
 * A task by its name; a task file of lm-evaluation-harness by its path (.yaml); a TypeScript or JavaScript module that
 * exports `task` by its path.
 */
export async function findTask(reference: string): Promise<Task> {
  const found = tasks.find(({ name }) => name === reference);
  if (found !== undefined) return found;
  if (/\.ya?ml$/i.test(reference)) return harnessTask(reference);
  if (/\.[cm]?[jt]s$/i.test(reference)) return moduleTask(reference);
  throw new UsageError(
    `there is no task ${JSON.stringify(reference)}${didYouMean(reference, taskNames)}; give one of ${taskNames.join(", ")}, a YAML file of lm-evaluation-harness or a TypeScript file`,
    { task: reference },
  );
}
