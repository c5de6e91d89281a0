// The process of a grader: opens the tasks of a configuration as the run did, and judges answers until its parent is
// gone.

import type { OpenTask } from "../tasks/task.ts";
import { taskConfigs } from "./config.ts";
import type { FromGrader, ToGrader } from "./grade.ts";
import { openTask } from "./open-task.ts";
import { reasonOf } from "./reason.ts";

for (const name of ["SIGINT", "SIGHUP"] as const) process.on(name, () => undefined);

let tasks: readonly OpenTask[] = [];

async function answer(message: ToGrader): Promise<FromGrader> {
  if (message.type === "open") {
    const { config } = message;
    tasks = await Promise.all(taskConfigs(config).map((one) => openTask(one, config)));
    return { type: "ready" };
  }
  return { type: "graded", graded: await tasks[message.task]!.grade(message.answers as never) };
}

process.on("message", async (message: ToGrader) => {
  const reply = await answer(message).catch(
    (error: unknown): FromGrader => ({ type: "failed", error: reasonOf(error) }),
  );
  process.send?.(reply);
});
process.on("disconnect", () => process.exit());
