// What the stages do: a training, a distillation, a rollout, an evaluation, each gone on with where it was.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type DistillerName, distillerName } from "../../distill/distillers.ts";
import { type DistillConfig, distillConfigSchema, usual } from "../../distilling/config.ts";
import { distil } from "../../distilling/run.ts";
import { sweepConfigSchema } from "../../evaluate/run/config.ts";
import { journalName } from "../../evaluate/run/record.ts";
import { type Evaluated, evaluate } from "../../evaluate/run/run.ts";
import { type SweepVariant, sweepVariants } from "../../evaluate/run/sweep.ts";
import { load } from "../../generate/load.ts";
import { rolloutConfigSchema } from "../../rollout/config.ts";
import { readPrompts } from "../../rollout/prompts.ts";
import { rollout } from "../../rollout/run.ts";
import { checkpointSteps } from "../../train/checkpoint.ts";
import type { TrainConfig } from "../../train/config.ts";
import type { TrainEvent, TrainHooks } from "../../train/events.ts";
import { train } from "../../train/train.ts";
import { baseModel } from "../base-model.ts";
import { saveRunConfig } from "../train.ts";
import type { StageTools } from "./stage.ts";

const isBegun = (out: string): boolean => checkpointSteps(join(out, "checkpoints")).length > 0;

function hooksOf({ report, signal }: StageTools, onStart: () => void): TrainHooks {
  const onEvent = (event: TrainEvent): void => {
    if (event.type === "start") onStart();
    if (event.type !== "step") return;
    const { step, smoothedLoss, seconds, secondsLeft } = event;
    report(seconds / (seconds + secondsLeft), `step ${step}  loss ${smoothedLoss.toFixed(3)}`);
  };
  return { signal, onEvent };
}

/** The same as `unmask train`. */
export async function runTraining(config: TrainConfig, tools: StageTools): Promise<boolean> {
  const hooks = hooksOf(tools, () => saveRunConfig(config, "unmask train"));
  const { reason } = await train(config, { ...hooks, resume: isBegun(config.out) });
  return reason !== "interrupted";
}

/** The usual settings of a method, with these on top. */
export function distillation(method: DistillerName, keys: Record<string, unknown>): DistillConfig {
  const { train: usualTrain } = usual[method] as { train: object };
  const { distill, train: ownTrain, ...rest } = keys as Record<string, object>;
  return distillConfigSchema(method).parse({
    ...rest,
    distill: { method, ...distill },
    train: { ...usualTrain, ...ownTrain },
  }) as unknown as DistillConfig;
}

/** The same as `unmask distill`. */
export async function runDistillation(config: DistillConfig, tools: StageTools): Promise<boolean> {
  distillerName(config.distill.method);
  const base = await baseModel(config.model.path, { revision: undefined, output: process.stderr });
  const hooks = hooksOf(tools, () => saveRunConfig(config, "unmask distill"));
  const { reason } = await distil(config, { ...hooks, base, resume: isBegun(config.out) });
  return reason !== "interrupted";
}

/** The same as `unmask rollout`. */
export async function runRollout(keys: Record<string, unknown>, tools: StageTools): Promise<boolean> {
  const config = rolloutConfigSchema.parse(keys);
  const prompts = await readPrompts(config);
  const model = await load(config.model, { fold: true });
  try {
    const summary = await rollout(model, prompts, {
      config,
      signal: tools.signal,
      onProgress: ({ done, total, kept }) =>
        tools.report(done / Math.max(1, total), `${done} answers, ${kept} kept`),
    });
    return summary?.finished === true;
  } finally {
    model.dispose();
  }
}

export interface Sweep {
  readonly evaluated: Evaluated;
  readonly variants: readonly SweepVariant[];
}

/** The answers of `unmask sweep`; what was answered before is not asked again. Undefined if it was interrupted. */
export async function runSweep(keys: Record<string, unknown>, tools: StageTools): Promise<Sweep | undefined> {
  const config = sweepConfigSchema.parse(keys);
  const variants = sweepVariants(config);
  const evaluated = await evaluate(config, {
    ...{ variants, signal: tools.signal, inProcess: true },
    resume: existsSync(join(config.out, journalName)),
    onEvent: (event) => {
      if (event.type !== "answers") return;
      const { answered, questions } = event;
      tools.report(answered / questions, `${answered} of ${questions} texts`);
    },
  });
  return evaluated === undefined ? undefined : { evaluated, variants };
}
