// Training as `unmask train` does it: a configuration in, a folder with checkpoints, metrics and a model out.

import type { World } from "@unmask/torch";
import type { BaseModel } from "./base-model.ts";
import type { TrainConfig } from "./config.ts";
import type { EventOf, TrainHooks } from "./events.ts";
import { runLoop, type TrainResult } from "./loop.ts";
import { prepareRun } from "./run.ts";
import { planRun, startEvent } from "./run-plan.ts";

export interface TrainOptions extends TrainHooks {
  /** Go on from the newest checkpoint in the folder. */
  readonly resume?: boolean | undefined;
  /** The model that config.model.path names. */
  readonly base?: BaseModel | undefined;
  /** The processes that train together; this one alone by default. */
  readonly world?: World | undefined;
}

/** Trains (or goes on training) as configured; resolves when done or interrupted, with the model saved. */
export async function train(config: TrainConfig, options: TrainOptions = {}): Promise<TrainResult> {
  const { base, world } = options;
  const run = await prepareRun(config, { resume: options.resume === true, base, world });
  try {
    return await runLoop(run, options);
  } finally {
    await run.dispose();
  }
}

/** The start event that training would begin with; reads the data and allocates nothing. */
export async function planTraining(config: TrainConfig, base?: BaseModel): Promise<EventOf<"start">> {
  const plan = await planRun(config, { base });
  await plan.data.close();
  return startEvent(plan);
}
