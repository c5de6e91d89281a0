// The training loop of masked diffusion (MDLM): corrupt, forward at the masked positions, NELBO, backward, clip,
// AdamW, average. Every random number is keyed by the example, and the full state is saved, so that a resumed run
// continues bit for bit on the CPU.

import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { backward, clipGradients, item, scope } from "@unmask/torch";
import { ConfigError, UnmaskError } from "../base/errors.ts";
import { saveModel } from "../models/mdlm-save.ts";
import { saveTokenizer } from "../text/tokenizer-files.ts";
import { noisyBatch } from "./batch.ts";
import { saveCheckpoint } from "./checkpoint.ts";
import type { TrainConfig } from "./config.ts";
import type { TrainEvent, TrainHooks } from "./events.ts";
import { batchLoss, heldOutNelbo } from "./loss.ts";
import { disposeRun, noise, prepare, type Run, scheduleLength, startEvent, totalSteps } from "./run.ts";

/** Held-out rows looked at during the run; the end looks at all of them (up to `finalRows` draws). */
const quickRows = 256;
const finalRows = 4096;

export interface TrainResult {
  folder: string;
  step: number;
  /** Held-out NELBO of the averaged weights, nats a token. */
  nelbo: number | undefined;
  reason: "done" | "interrupted";
}

/** Trains (or goes on training) as configured; resolves when done or interrupted, with the model saved. */
export async function train(
  config: TrainConfig,
  hooks: TrainHooks & { resume?: boolean | undefined } = {},
): Promise<TrainResult> {
  const run = await prepare(config, hooks.resume === true);
  try {
    return await trainPrepared(run, hooks);
  } finally {
    disposeRun(run);
  }
}

async function trainPrepared(run: Run, hooks: TrainHooks): Promise<TrainResult> {
  const { config } = run;
  if (run.firstStep > totalSteps(config)) {
    throw new ConfigError(
      `${config.out} has been trained for ${run.firstStep} steps and train.steps is ${totalSteps(config)}; give at least ${run.firstStep}`,
    );
  }
  const emit = (event: TrainEvent): void => {
    hooks.onEvent?.(event);
    appendFileSync(join(config.out, "metrics.jsonl"), `${JSON.stringify(event)}\n`);
  };
  emit(startEvent(run.plan, run.firstStep));
  const began = performance.now();
  const earlier = run.counters.seconds;
  let saved = run.counters.step;
  const save = (): void => {
    if (saved === run.counters.step) return;
    saved = run.counters.step;
    emit({ type: "checkpoint", step: saved, folder: checkpoint(run) });
  };
  while (!isDone(run) && hooks.signal?.aborted !== true) {
    const outcome = step(run);
    run.counters.seconds = earlier + (performance.now() - began) / 1000;
    emit(stepEvent(run, outcome, performance.now() - began));
    const { evaluate_every: evaluateEvery, save_every: saveEvery } = config.train;
    if (evaluateEvery > 0 && run.counters.step % evaluateEvery === 0) emit(evaluation(run, quickRows));
    if (saveEvery > 0 && run.counters.step % saveEvery === 0) save();
    await nextTurn();
  }
  save();
  const reason = isDone(run) ? "done" : "interrupted";
  const last = reason === "done" && run.data.heldOut.count > 0 ? evaluation(run, finalRows) : undefined;
  if (last !== undefined) emit(last);
  await exportModel(run);
  const result = { folder: config.out, step: run.counters.step, nelbo: last?.nelbo, reason } as const;
  emit({ type: "finish", reason, step: result.step, seconds: run.counters.seconds, nelbo: result.nelbo });
  return result;
}

/** Share of the time limit that is used up; 0 without one. */
function timeShare({ config, counters }: Run): number {
  return config.train.minutes === undefined ? 0 : counters.seconds / 60 / config.train.minutes;
}

function isDone(run: Run): boolean {
  return run.counters.step >= totalSteps(run.config) || timeShare(run) >= 1;
}

/** Warm-up counts steps; after it the schedule follows steps or time, whichever is further on. */
function learningRate(run: Run): number {
  const { warmup, learning_rate: base } = run.config.train;
  const { step } = run.counters;
  const timed = Math.floor(timeShare(run) * scheduleLength(run.config));
  return base * run.rate(step < warmup ? step : Math.max(step, Math.max(timed, warmup)));
}

interface Outcome {
  loss: number;
  rate: number;
  norm: number;
}

function step(run: Run): Outcome {
  const { config, counters, state } = run;
  const size = config.train.batch_size;
  const rate = learningRate(run);
  const examples = Array.from({ length: size }, (_, i) => counters.step * size + i);
  const { seed } = config;
  const batch = noisyBatch(run.data.train, {
    seed,
    maskId: run.data.maskId,
    schedule: noise,
    examples,
    pick: run.pick,
    ignoreBos: run.data.ignoreBos,
  });
  const parameters = [...state.parameters.values()];
  const { loss, norm } = scope(() => {
    const total = batchLoss(run.network, batch, run.loss);
    backward(total);
    return { loss: item(total), norm: clipGradients(parameters, config.train.clip) };
  });
  if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
    throw new UnmaskError(
      `the loss became ${loss} (gradient norm ${norm}) at step ${counters.step + 1}; lower train.learning_rate (${config.train.learning_rate}) and run again with --resume`,
    );
  }
  state.optimiser.step(rate);
  state.optimiser.zeroGradients();
  state.average.update(state.parameters);
  counters.step++;
  counters.smoothedLoss = counters.step === 1 ? loss : 0.98 * counters.smoothedLoss + 0.02 * loss;
  return { loss, rate, norm };
}

function stepEvent(run: Run, { loss, rate, norm }: Outcome, milliseconds: number): TrainEvent {
  const { counters, config } = run;
  const done = counters.step - run.firstStep;
  const seconds = milliseconds / 1000;
  const steps = totalSteps(config);
  const bySteps = (seconds / done) * (steps - counters.step);
  const byTime =
    config.train.minutes === undefined
      ? Number.POSITIVE_INFINITY
      : config.train.minutes * 60 - counters.seconds;
  return {
    type: "step",
    step: counters.step,
    steps,
    loss,
    smoothedLoss: counters.smoothedLoss,
    learningRate: rate,
    gradientNorm: norm,
    tokensPerSecond: (done * config.train.batch_size * config.model.length) / seconds,
    seconds,
    secondsLeft: Math.max(0, Math.min(bySteps, byTime)),
  };
}

function evaluation(run: Run, limit: number): Extract<TrainEvent, { type: "evaluate" }> {
  const draws = limit === finalRows ? Math.max(1, Math.floor(finalRows / run.data.heldOut.count)) : 1;
  const options = {
    ...run.loss,
    seed: run.config.seed,
    maskId: run.data.maskId,
    schedule: noise,
    limit,
    draws,
    ignoreBos: run.data.ignoreBos,
  };
  const nelbo = heldOutNelbo(run.averaged, run.data.heldOut, options);
  return { type: "evaluate", step: run.counters.step, nelbo, natsPerByte: nelbo * run.data.tokensPerByte };
}

function checkpoint({ config, state, counters }: Run): string {
  counters.optimiserSteps = state.optimiser.steps;
  counters.averageUpdates = state.average.updates;
  return saveCheckpoint(join(config.out, "checkpoints"), state, counters, config.train.keep);
}

/** The averaged weights as a model folder: what generate and every later stage read. */
async function exportModel({ config, data, model, state }: Run): Promise<void> {
  const folder = join(config.out, "model");
  mkdirSync(folder, { recursive: true });
  saveModel(folder, model, state.average.averages);
  await saveTokenizer(data.tokenizer, folder);
}
