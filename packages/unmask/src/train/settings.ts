// The `train:` section as the loop and the optimiser want it.

import { schedule } from "@unmask/torch";
import type { UpdateConfig } from "./config.ts";
import type { LoopSettings } from "./loop.ts";
import type { UpdateOptions } from "./trained.ts";

const defaultSteps = 5000;

/** With a time limit alone the schedule is stretched over time, in this many parts. */
const timedScheduleLength = 100_000;

/** Infinity where only time is limited. */
export const totalSteps = ({ steps, minutes }: UpdateConfig): number =>
  steps ?? (minutes === undefined ? defaultSteps : Number.POSITIVE_INFINITY);

export function loopSettings(train: UpdateConfig, folder: string): LoopSettings {
  return {
    folder,
    steps: totalSteps(train),
    minutes: train.minutes,
    evaluateEvery: train.evaluate_every,
    saveEvery: train.save_every,
    ratiosEvery: train.ratios_every,
    keep: train.keep,
  };
}

/** What is usual depends on what is trained. */
export function updateOptions(
  train: UpdateConfig,
  { fresh, adapter }: { fresh: boolean; adapter: boolean },
): UpdateOptions {
  const { beta1, beta2, weight_decay: weightDecay, clip, ema = fresh ? 0.999 : 0 } = train;
  const peak = train.learning_rate ?? (fresh ? 3e-3 : adapter ? 1e-4 : 1e-5);
  return {
    betas: [beta1, beta2],
    weightDecay,
    clip,
    average: ema > 0 ? ema : undefined,
    rate: rateOf(train, peak),
  };
}

/**
 * By steps of the run, of which an update may take several. Where time is limited warm-up counts updates, and behind it the
 * schedule follows updates or time, whichever is further on.
 */
export function rateOf(train: UpdateConfig, peak: number): (update: number, progress: number) => number {
  const { schedule: kind, warmup, floor } = train;
  const all = totalSteps(train);
  const steps = Number.isFinite(all) ? all : timedScheduleLength;
  const factor = schedule({ kind, warmup, steps, floor });
  return (update, progress) => {
    if (train.minutes === undefined) return peak * factor(Math.round(progress * steps));
    const timed = Math.floor(progress * steps);
    return peak * factor(update < warmup ? update : Math.max(update, timed, warmup));
  };
}
