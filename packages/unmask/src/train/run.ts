// A training run before its first step: the plan (data, sizes, memory, precision), then the network, the optimiser and
// the counters, fresh or from the newest checkpoint.

import { createHash } from "node:crypto";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  chooseProductDtype,
  chooseThreads,
  type Device,
  type ProductDtype,
  schedule as rateSchedule,
  setThreads,
  soloWorld,
  type World,
} from "@unmask/torch";
import { ConfigError } from "../base/errors.ts";
import { absorbingNoise, type NoiseProcess, uniformNoise } from "../diffusion/noise.ts";
import { logLinear } from "../diffusion/schedule.ts";
import type { MdlmConfig } from "../models/mdlm.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { loadTokenizer, saveTokenizer } from "../text/tokenizer-files.ts";
import { type Counters, checkpointSteps, loadCheckpoint } from "./checkpoint.ts";
import type { TrainConfig } from "./config.ts";
import { loadTrainingData, rowAt, rowSource, type TrainingData } from "./data.ts";
import type { EventOf } from "./events.ts";
import { heldOutLoss } from "./held-out.ts";
import type { LoopSettings, Metrics, Run } from "./loop.ts";
import type { Answer, MaskedBatch } from "./masked-batch.ts";
import { type MaskedMethod, rowMethod, type Student } from "./masked-method.ts";
import { estimateMemory, refuseTooLarge } from "./plan.ts";
import { freshMdlm, type StudentNetwork } from "./student.ts";
import { Trained } from "./trained.ts";

const defaultSteps = 5000;
/** Held-out rows looked at during the run; the end looks at all of them (up to `finalRows` draws). */
const quickRows = 256;
const finalRows = 4096;

/** What is known before anything is allocated or written. */
export interface Plan {
  readonly config: TrainConfig;
  readonly data: TrainingData;
  readonly model: MdlmConfig;
  readonly method: MaskedMethod;
  readonly products: ProductDtype;
  readonly threads: number;
}

export async function planRun(config: TrainConfig, known?: Tokenizer): Promise<Plan> {
  const data = await loadTrainingData(config, known);
  const model = modelConfig(config, data);
  refuseTooLarge(estimateMemory(model, config.train.batch_size), model, config.train.batch_size);
  const threads = config.threads === "auto" ? chooseThreads() : config.threads;
  const products = config.dtype === "auto" ? chooseProductDtype(config.device as Device) : config.dtype;
  const method = rowMethod(noiseOf(config, data));
  return { config, data, model, method, products, threads };
}

function noiseOf({ objective }: TrainConfig, { tokenizer, maskId }: TrainingData): NoiseProcess {
  const options = { schedule: logLinear(), vocabularySize: tokenizer.vocabularySize };
  return objective.noise === "uniform" ? uniformNoise(options) : absorbingNoise({ ...options, maskId });
}

export interface PreparedRun extends Run<Student, Answer, MaskedBatch, MaskedBatch> {
  /** Frees what prepareRun() made. */
  dispose(): void;
}

/** Everything a run needs; with `resume` from its newest checkpoint. Tensors live until dispose(). */
export async function prepareRun(
  config: TrainConfig,
  resume: boolean,
  world: World = soloWorld,
): Promise<PreparedRun> {
  const checkpoints = join(config.out, "checkpoints");
  const begun = checkpointSteps(checkpoints).length > 0;
  if (begun && !resume) {
    throw new ConfigError(
      `${config.out} holds checkpoints of an earlier run; resume it, or choose another folder`,
    );
  }
  const plan = await planRun(config, begun ? await loadTokenizer(join(config.out, "tokenizer")) : undefined);
  setThreads(plan.threads);
  const student = freshMdlm(plan.model, config.seed, config.device as Device);
  await world.broadcast([...student.parameters.values()]);
  const trained = new Map([["student", newTrained(plan, student, world)]]);
  const source = rowSource(plan.data.train, config.seed);
  const fresh = newCounters(fingerprintOf(plan, source.fingerprint));
  const counters = (begun ? loadCheckpoint(checkpoints, trained, fresh.fingerprint) : undefined) ?? fresh;
  if (!begun && world.rank === 0) {
    for (const name of ["checkpoints", "tokenizer"]) mkdirSync(join(config.out, name), { recursive: true });
    await saveTokenizer(plan.data.tokenizer, join(config.out, "tokenizer"));
  }
  const averages = () => trained.get("student")!.average?.averages ?? student.parameters;
  return {
    method: plan.method,
    networks: { student: student.network },
    trained,
    source,
    world,
    seed: config.seed,
    batchSize: config.train.batch_size,
    microBatchSize: config.train.micro_batch_size ?? config.train.batch_size,
    products: plan.products,
    settings: settingsOf(config),
    counters,
    start: { ...startEvent(plan, world), fromStep: counters.step },
    evaluate: ({ last }) => evaluation(plan, student, averages(), last),
    exportModels: () => exportModel(plan, student, averages()),
    dispose() {
      for (const one of trained.values()) one.dispose();
      student.dispose();
    },
  };
}

function newTrained({ config }: Plan, { parameters }: StudentNetwork, world: World): Trained {
  const { beta1, beta2, weight_decay: weightDecay, clip, ema } = config.train;
  const options = { betas: [beta1, beta2] as const, weightDecay, clip, average: ema > 0 ? ema : undefined };
  return new Trained(parameters, { ...options, rate: rateOf(config) }, world);
}

/** Warm-up counts updates; after it the schedule follows updates or time, whichever is further on. */
function rateOf(config: TrainConfig): (update: number, progress: number) => number {
  const { schedule: kind, warmup, floor, learning_rate: base } = config.train;
  const steps = scheduleLength(config);
  const factor = rateSchedule({ kind, warmup, steps, floor });
  return (update, progress) => {
    const timed = Math.floor(progress * steps);
    return base * factor(update < warmup ? update : Math.max(update, timed, warmup));
  };
}

function settingsOf(config: TrainConfig): LoopSettings {
  const { minutes, keep } = config.train;
  return {
    folder: config.out,
    steps: totalSteps(config),
    minutes,
    evaluateEvery: config.train.evaluate_every,
    saveEvery: config.train.save_every,
    ratiosEvery: config.train.ratios_every,
    keep,
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

const newCounters = (fingerprint: string): Counters => ({
  step: 0,
  smoothedLoss: 0,
  seconds: 0,
  tokens: 0,
  updates: {},
  fingerprint,
});

/** Of everything that a resumed run must share with its beginning. */
function fingerprintOf({ config, data }: Plan, source: string): string {
  const { beta1, beta2, batch_size, ema } = config.train;
  const settings = { model: config.model, objective: config.objective, seed: config.seed };
  const hash = createHash("sha256").update(JSON.stringify({ ...settings, beta1, beta2, batch_size, ema }));
  return hash.update(data.tokenizer.hash).update(source).digest("hex");
}

/** Infinity where only time is limited. */
const totalSteps = ({ train: { steps, minutes } }: TrainConfig): number =>
  steps ?? (minutes === undefined ? defaultSteps : Number.POSITIVE_INFINITY);

/** With a time limit alone the schedule is stretched over time, in this many parts. */
const timedScheduleLength = 100_000;

function scheduleLength(config: TrainConfig): number {
  const steps = totalSteps(config);
  return Number.isFinite(steps) ? steps : timedScheduleLength;
}

export function startEvent(plan: Plan, world: World = soloWorld): EventOf<"start"> {
  const { config, data, model, method, products, threads } = plan;
  const memory = estimateMemory(model, config.train.batch_size);
  return {
    type: "start",
    folder: config.out,
    method: method.name,
    parameters: memory.parameters,
    trainedParameters: memory.parameters,
    rows: data.train.count,
    rowLength: data.train.length,
    heldOutRows: data.heldOut.count,
    steps: totalSteps(config),
    batchSize: config.train.batch_size,
    fromStep: 0,
    estimatedBytes: memory.bytes,
    dtype: products,
    threads,
    workers: world.size,
    warnings: data.warnings,
  };
}

function evaluation(
  { config, data, method, products }: Plan,
  student: StudentNetwork,
  averages: StudentNetwork["parameters"],
  last: boolean,
): Metrics | undefined {
  const { heldOut, tokensPerByte } = data;
  const count = Math.min(heldOut.count, last ? finalRows : quickRows);
  if (count === 0) return undefined;
  const examples = Array.from({ length: count }, (_, row) => rowAt(heldOut, row));
  const draws = last ? Math.max(1, Math.floor(finalRows / heldOut.count)) : 1;
  const nelbo = student.withValues(averages, (network) =>
    heldOutLoss(network, method, examples, { seed: config.seed, products, draws }),
  );
  return { nelbo, nats_per_byte: nelbo * tokensPerByte };
}

/** The averaged weights as a model folder: what generate and every later stage read. */
async function exportModel(
  { config, data }: Plan,
  student: StudentNetwork,
  averages: StudentNetwork["parameters"],
): Promise<void> {
  const folder = join(config.out, "model");
  const temporary = `${folder}.writing`;
  rmSync(temporary, { recursive: true, force: true });
  student.save(temporary, averages);
  await saveTokenizer(data.tokenizer, temporary);
  rmSync(folder, { recursive: true, force: true });
  renameSync(temporary, folder);
}
