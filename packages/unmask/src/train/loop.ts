// The training loop of masked diffusion (MDLM): corrupt, forward at the masked positions, NELBO, backward, clip,
// AdamW, average. Every random number is keyed by the example, and the full state is saved, so that a resumed run
// continues bit for bit on the CPU.

import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  AdamW,
  backward,
  chooseProductDtype,
  chooseThreads,
  clipGradients,
  type Device,
  item,
  type ProductDtype,
  schedule as rateSchedule,
  scope,
  setThreads,
  tensor,
} from "@unmask/torch";
import { ConfigError, UnmaskError } from "../base/errors.ts";
import { maskColumn } from "../diffusion/objective.ts";
import { logLinear } from "../diffusion/schedule.ts";
import { saveModel } from "../models/checkpoint.ts";
import { initialiseMdlm } from "../models/initialise.ts";
import { Mdlm, type MdlmConfig } from "../models/mdlm.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { loadTokenizer, saveTokenizer } from "../text/tokenizer-files.ts";
import { noisyBatch } from "./batch.ts";
import {
  type Counters,
  checkpointSteps,
  loadCheckpoint,
  type RunState,
  saveCheckpoint,
} from "./checkpoint.ts";
import type { TrainConfig } from "./config.ts";
import { exampleOrder, loadTrainingData, type TrainingData } from "./data.ts";
import { MovingAverage } from "./ema.ts";
import type { TrainEvent, TrainHooks } from "./events.ts";
import { batchLoss, heldOutNelbo, type LossOptions } from "./loss.ts";
import { estimateMemory, refuseTooLarge } from "./plan.ts";

const defaultSteps = 5000;
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

interface Run {
  plan: Plan;
  config: TrainConfig;
  data: TrainingData;
  model: MdlmConfig;
  network: Mdlm;
  averaged: Mdlm;
  state: RunState;
  counters: Counters;
  loss: LossOptions;
  rate: (step: number) => number;
  pick: (example: number) => number;
  /** Steps that were done before this process began. */
  firstStep: number;
}

const noise = logLinear();

/** What is known before anything is allocated or written. */
interface Plan {
  config: TrainConfig;
  data: TrainingData;
  model: MdlmConfig;
  products: ProductDtype;
  threads: number;
}

async function plan(config: TrainConfig, known?: Tokenizer): Promise<Plan> {
  const data = await loadTrainingData(config, known);
  const model = modelConfig(config, data);
  refuseTooLarge(estimateMemory(model, config.train.batch_size), model, config.train.batch_size);
  const threads = config.threads === "auto" ? chooseThreads() : config.threads;
  const products = config.dtype === "auto" ? chooseProductDtype(config.device as Device) : config.dtype;
  return { config, data, model, products, threads };
}

/** The start event that training would begin with; reads the data and allocates nothing. */
export async function planTraining(config: TrainConfig): Promise<Extract<TrainEvent, { type: "start" }>> {
  return startEvent(await plan(config), 0);
}

async function prepare(config: TrainConfig, resume: boolean): Promise<Run> {
  const checkpoints = join(config.out, "checkpoints");
  const resuming = resume && checkpointSteps(checkpoints).length > 0;
  const planned = await plan(
    config,
    resuming ? await loadTokenizer(join(config.out, "tokenizer")) : undefined,
  );
  const { data, model, products, threads } = planned;
  setThreads(threads);
  const parameters = initialiseMdlm(model, config.seed, config.device as Device);
  const average = new MovingAverage(parameters, config.train.ema);
  const { beta1, beta2, weight_decay: weightDecay } = config.train;
  const optimiser = new AdamW([{ parameters: [...parameters.values()] }], {
    betas: [beta1, beta2],
    weightDecay,
  });
  const state = { parameters, average, optimiser };
  const fresh = newCounters(fingerprintOf(config, data));
  const counters = (resuming ? loadCheckpoint(checkpoints, state, fresh.fingerprint) : undefined) ?? fresh;
  if (!resuming) {
    for (const name of ["checkpoints", "tokenizer"]) mkdirSync(join(config.out, name), { recursive: true });
    await saveTokenizer(data.tokenizer, join(config.out, "tokenizer"));
  }
  const column = tensor(maskColumn(model.vocabularySize, data.maskId), undefined, {
    device: config.device as Device,
  });
  return {
    plan: planned,
    config,
    data,
    model,
    network: new Mdlm(model, parameters),
    averaged: new Mdlm(model, average.averages),
    state,
    counters,
    loss: { maskColumn: column, products },
    rate: rateSchedule({
      kind: config.train.schedule,
      warmup: config.train.warmup,
      steps: scheduleLength(config),
      floor: config.train.floor,
    }),
    pick: exampleOrder(data.train.count, config.seed),
    firstStep: counters.step,
  };
}

function modelConfig({ model }: TrainConfig, data: TrainingData): MdlmConfig {
  return {
    vocabularySize: data.tokenizer.vocabularySize,
    hiddenSize: model.hidden_size,
    conditionSize: model.condition_size,
    blocks: model.blocks,
    heads: model.heads,
    length: model.length,
    ignoreBos: data.ignoreBos,
  };
}

function newCounters(fingerprint: string): Counters {
  return { step: 0, smoothedLoss: 0, seconds: 0, optimiserSteps: 0, averageUpdates: 0, fingerprint };
}

/** Of everything that a resumed run must share with its beginning. */
function fingerprintOf(config: TrainConfig, data: TrainingData): string {
  const { beta1, beta2, batch_size, ema } = config.train;
  const settings = { model: config.model, seed: config.seed, beta1, beta2, batch_size, ema };
  const hash = createHash("sha256").update(JSON.stringify(settings)).update(data.tokenizer.hash);
  return hash.update(data.train.ids).digest("hex");
}

const totalSteps = ({ train: { steps, minutes } }: TrainConfig): number =>
  steps ?? (minutes === undefined ? defaultSteps : Number.POSITIVE_INFINITY);

/** With a time limit alone the schedule is stretched over time, in this many parts. */
const timedScheduleLength = 100_000;

function scheduleLength(config: TrainConfig): number {
  const steps = totalSteps(config);
  return Number.isFinite(steps) ? steps : timedScheduleLength;
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

function startEvent(
  { config, data, model, products, threads }: Plan,
  fromStep: number,
): Extract<TrainEvent, { type: "start" }> {
  const memory = estimateMemory(model, config.train.batch_size);
  return {
    type: "start",
    folder: config.out,
    parameters: memory.parameters,
    rows: data.train.count,
    rowLength: data.train.length,
    heldOutRows: data.heldOut.count,
    steps: totalSteps(config),
    fromStep,
    estimatedBytes: memory.bytes,
    dtype: products,
    threads,
    warnings: data.warnings,
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
