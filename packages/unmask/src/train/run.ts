// A training run before its first step: the plan (data, sizes, memory, precision), then the networks, the optimiser
// and the counters, fresh or from the newest checkpoint.

import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  AdamW,
  chooseProductDtype,
  chooseThreads,
  type Device,
  type ProductDtype,
  schedule as rateSchedule,
  setThreads,
  tensor,
} from "@unmask/torch";
import { ConfigError } from "../base/errors.ts";
import { maskColumn } from "../diffusion/objective.ts";
import { logLinear } from "../diffusion/schedule.ts";
import { initialiseMdlm } from "../models/initialise.ts";
import { Mdlm, type MdlmConfig } from "../models/mdlm.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { loadTokenizer, saveTokenizer } from "../text/tokenizer-files.ts";
import { type Counters, checkpointSteps, loadCheckpoint, type RunState } from "./checkpoint.ts";
import type { TrainConfig } from "./config.ts";
import { exampleOrder, loadTrainingData, type TrainingData } from "./data.ts";
import { MovingAverage } from "./ema.ts";
import type { TrainEvent } from "./events.ts";
import type { LossOptions } from "./loss.ts";
import { estimateMemory, refuseTooLarge } from "./plan.ts";

const defaultSteps = 5000;

export interface Run {
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

export const noise = logLinear();

/** What is known before anything is allocated or written. */
export interface Plan {
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

/** Everything a run needs; with `resume` from its newest checkpoint. Tensors live until disposeRun(). */
export async function prepare(config: TrainConfig, resume: boolean): Promise<Run> {
  const checkpoints = join(config.out, "checkpoints");
  const begun = checkpointSteps(checkpoints).length > 0;
  if (begun && !resume) {
    throw new ConfigError(
      `${config.out} holds checkpoints of an earlier run; resume it, or choose another folder`,
    );
  }
  const resuming = begun;
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

/** Infinity where only time is limited. */
export const totalSteps = ({ train: { steps, minutes } }: TrainConfig): number =>
  steps ?? (minutes === undefined ? defaultSteps : Number.POSITIVE_INFINITY);

/** With a time limit alone the schedule is stretched over time, in this many parts. */
const timedScheduleLength = 100_000;

export function scheduleLength(config: TrainConfig): number {
  const steps = totalSteps(config);
  return Number.isFinite(steps) ? steps : timedScheduleLength;
}

export function startEvent(
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

/** Frees what prepare() made. */
export function disposeRun({ state, loss }: Run): void {
  state.optimiser.dispose();
  for (const one of state.parameters.values()) one.dispose();
  for (const one of state.average.averages.values()) one.dispose();
  loss.maskColumn.dispose();
}
