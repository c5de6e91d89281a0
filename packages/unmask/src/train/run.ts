// A training run before its first step: network, optimiser and counters as the plan (run-plan.ts) has them, fresh or from
// the newest checkpoint.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Device, setThreads, soloWorld, type World } from "@unmask/torch";
import { ConfigError } from "../base/errors.ts";
import type { StreamPosition } from "../data/stream.ts";
import { loadTokenizer, saveTokenizer } from "../text/tokenizer-files.ts";
import { type BaseModel, modelDigest } from "./base-model.ts";
import { checkpointSteps, loadCheckpoint, newCounters, peekCounters } from "./checkpoint.ts";
import type { TrainConfig } from "./config.ts";
import type { Counters } from "./counters.ts";
import { exportModel } from "./export.ts";
import { fingerprintOf, type Parts } from "./fingerprint.ts";
import { heldOutLoss } from "./held-out.ts";
import type { Metrics, Run } from "./loop.ts";
import type { Answer, MaskedBatch } from "./masked-batch.ts";
import type { Student } from "./masked-method.ts";
import { type Plan, planRun, startEvent } from "./run-plan.ts";
import { loopSettings, updateOptions } from "./settings.ts";
import { freshStudent, loadedStudent, type StudentNetwork } from "./student.ts";
import { Trained } from "./trained.ts";

/** Draws of noise on held-out examples, during the run and at most at its end. */
const quickDraws = 256;
const finalDraws = 4096;
/** Of the tokens trained on, so many are looked at once more at the end: a forward takes a third of a step's time. */
const finalShare = 0.2;

export interface PreparedRun extends Run<Student, Answer, MaskedBatch, MaskedBatch> {
  /** Frees what prepareRun() made. */
  dispose(): Promise<void>;
}

export interface PrepareOptions {
  readonly resume: boolean;
  readonly base?: BaseModel | undefined;
  readonly world?: World | undefined;
}

/** Everything a run needs; with `resume` from its newest checkpoint. Tensors live until dispose(). */
export async function prepareRun(
  config: TrainConfig,
  { resume, base, world = soloWorld }: PrepareOptions,
): Promise<PreparedRun> {
  const checkpoints = join(config.out, "checkpoints");
  const begun = checkpointSteps(checkpoints).length > 0;
  if (begun && !resume) {
    throw new ConfigError(
      `${config.out} holds checkpoints of an earlier run; resume it, or choose another folder`,
    );
  }
  const own = join(config.out, "tokenizer");
  const before = peekCounters(checkpoints);
  const plan = await planRun(config, {
    ...{ base, world, choices: before?.choices },
    tokenizer: begun && base === undefined ? await loadTokenizer(own) : undefined,
    position: before?.position as StreamPosition | undefined,
  });
  const made = await makeTrained(plan, world);
  try {
    const fresh = newCounters(fingerprintOf(partsOf(plan)));
    const counters =
      (begun ? loadCheckpoint(checkpoints, made.trained, fresh.fingerprint) : undefined) ?? fresh;
    const { products, threads } = plan;
    counters.choices = { products, threads, workers: world.size };
    if (!begun && world.rank === 0) {
      for (const name of [checkpoints, own]) mkdirSync(name, { recursive: true });
      await saveTokenizer(plan.tokenizer, own);
    }
    return runOf(plan, { ...made, counters, world });
  } catch (error) {
    await made.dispose();
    throw error;
  }
}

interface Made {
  readonly student: StudentNetwork;
  readonly trained: ReadonlyMap<string, Trained>;
  dispose(): Promise<void>;
}

async function makeTrained(plan: Plan, world: World): Promise<Made> {
  setThreads(plan.threads);
  const student = studentOf(plan);
  await world.broadcast([...student.parameters.values()]);
  const { config, base } = plan;
  const kind = { fresh: base === undefined, adapter: config.adapter !== undefined };
  const trained = new Trained(student.parameters, updateOptions(config.train, kind), world);
  return {
    student,
    trained: new Map([["student", trained]]),
    async dispose() {
      trained.dispose();
      student.dispose();
      await plan.data.close();
    },
  };
}

interface Under extends Made {
  readonly counters: Counters;
  readonly world: World;
}

function runOf(plan: Plan, { student, trained, counters, world, dispose }: Under): PreparedRun {
  const { config } = plan;
  const { batch_size: batchSize, micro_batch_size: microBatchSize = batchSize, recompute } = config.train;
  const averages = () => trained.get("student")!.average?.averages ?? student.parameters;
  const trainedParameters = [...student.parameters.values()].reduce((sum, { size }) => sum + size, 0);
  return {
    ...{ method: plan.method, networks: { student: student.network }, trained, source: plan.data.train },
    ...{ world, seed: config.seed, products: plan.products, recompute, batchSize, microBatchSize },
    ...{ settings: loopSettings(config.train, config.out), counters, dispose },
    start: { ...startEvent(plan, world), trainedParameters, fromStep: counters.step },
    position: () => plan.data.position(),
    warnings: () => plan.data.warnings(),
    evaluate: ({ last }) => evaluation(plan, student, averages(), last ? counters.tokens : undefined),
    exportModels: () =>
      exportModel(
        config.out,
        (to) => student.save(to, averages()),
        (to) => saveTokenizer(plan.tokenizer, to),
      ),
  };
}

function studentOf({ config, base, fresh }: Plan): StudentNetwork {
  const { seed, weights, adapter } = config;
  const device = config.device as Device;
  const full = weights === "auto" ? "float32" : weights;
  if (base === undefined) return freshStudent(fresh!, { seed, device, dtype: full });
  const dtype = adapter === undefined ? full : weights;
  const lora =
    adapter === undefined
      ? undefined
      : { rank: adapter.rank, alpha: adapter.alpha, targets: adapter.targets, useRslora: adapter.rslora };
  return loadedStudent(base.folder, { device, dtype, adapter: lora, seed, name: base.name });
}

/** Learning rate, schedule and steps may change. */
function partsOf({ config, base, tokenizer, data }: Plan): Parts {
  const { path: _path, revision: _revision, ...model } = config.model;
  const { objective, adapter, seed, weights, train } = config;
  return {
    data: data.train.fingerprint,
    tokenizer: [config.tokenizer, tokenizer.hash],
    "the model at model.path": base === undefined ? "" : modelDigest(base.folder),
    ...{ model, objective, adapter, seed, weights },
    "train.batch_size": train.batch_size,
    "train.betas": [train.beta1, train.beta2],
    "train.ema": train.ema,
  };
}

/** At the end of a run, with the tokens that it was trained on, the look is a longer one. */
async function evaluation(
  { config, data, method, products }: Plan,
  student: StudentNetwork,
  averages: StudentNetwork["parameters"],
  trainedTokens: number | undefined,
): Promise<Metrics | undefined> {
  const { heldOut, tokensPerByte, kind } = data;
  if (heldOut === undefined) return undefined;
  const total = heldOut.count!;
  const all = await heldOut.at(Array.from({ length: Math.min(total, finalDraws) }, (_, i) => i));
  const length = all.reduce((sum, { ids }) => sum + ids.length, 0) / all.length;
  const most = Math.floor((finalShare * (trainedTokens ?? 0)) / length);
  const count = Math.max(quickDraws, Math.min(finalDraws, most));
  const draws = Math.max(1, Math.floor(count / total));
  const batchSize = config.train.micro_batch_size ?? config.train.batch_size;
  const nelbo = await student.withValues(averages, (network) =>
    heldOutLoss(network, method, all.slice(0, count), {
      ...{ seed: config.seed, products, draws, batchSize },
    }),
  );
  return kind === "text" ? { nelbo, nats_per_byte: nelbo * tokensPerByte } : { nelbo };
}
