// Opening a task as a configuration asks for it; nothing of a model is needed for that.

import type { OpenTask } from "../tasks/task.ts";
import { findTask } from "../tasks/tasks.ts";
import type { EvalConfig, TaskConfig } from "./config.ts";

export async function openTask(own: TaskConfig, config: EvalConfig): Promise<OpenTask> {
  const task = await findTask(own.name);
  return task.open({
    ...{ data: own.data, fewshotData: own.fewshot_data, numFewshot: own.num_fewshot, limit: own.limit },
    ...{ fewshotSeed: own.fewshot_seed, fewshotAsMultiturn: config.fewshot_as_multiturn },
    ...{ systemInstruction: config.system_instruction, fidelity: config.fidelity, unsafe: config.unsafe },
  });
}
