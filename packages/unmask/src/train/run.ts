// A training run before its first step: the plan (data, model, method, memory, precision), then the network, the
// optimiser and the counters, fresh or from the newest checkpoint.

import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  chooseProductDtype,
  chooseThreads,
  type Device,
  type ProductDtype,
  setThreads,
  soloWorld,
  type World,
} from "@unmask/torch";
import { ConfigError, invariant } from "../base/errors.ts";
import type { OpenedExamples } from "../data/open.ts";
import { openExamples } from "../data/open.ts";
import type { StreamPosition } from "../data/stream.ts";
import type { Facts } from "../models/family.ts";
import { type FreshModel, freshModel } from "../models/fresh.ts";
import type { MdlmConfig } from "../models/mdlm.ts";
import { describeModel, parameterCount } from "../models/open.ts";
import type { ChatTemplate } from "../text/chat-template.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { loadTokenizer, saveTokenizer } from "../text/tokenizer-files.ts";
import { type BaseModel, modelDigest } from "./base-model.ts";
import { checkpointSteps, loadCheckpoint, newCounters, peekCounters } from "./checkpoint.ts";
import { freshSizes, type TrainConfig } from "./config.ts";
import type { EventOf } from "./events.ts";
import { exportModel } from "./export.ts";
import { makeTokenizer } from "./fresh-tokenizer.ts";
import { heldOutLoss } from "./held-out.ts";
import type { Metrics, Run } from "./loop.ts";
import type { Answer, MaskedBatch } from "./masked-batch.ts";
import type { MaskedMethod, Student } from "./masked-method.ts";
import { objectiveOf } from "./objective.ts";
import { estimateMemory, type MemoryPlan, refuseTooLarge } from "./plan.ts";
import { loopSettings, totalSteps, updateOptions } from "./settings.ts";
import { freshStudent, loadedStudent, type StudentNetwork } from "./student.ts";
import { Trained } from "./trained.ts";

/** Held-out examples looked at during the run; the end looks at all of them (up to `finalDraws` draws). */
const quickExamples = 256;
const finalDraws = 4096;

const freshLength = 64;
const mostLength = 1024;

/** What is known before anything is allocated or written. */
export interface Plan {
  readonly config: TrainConfig;
  readonly base: BaseModel | undefined;
  /** Of a run without a base. */
  readonly fresh: FreshModel | undefined;
  readonly facts: Facts;
  readonly tokenizer: Tokenizer;
  readonly data: OpenedExamples;
  readonly rowLength: number;
  readonly method: MaskedMethod;
  readonly memory: MemoryPlan;
  readonly products: ProductDtype;
  readonly threads: number;
}

export interface PlanOptions {
  readonly base?: BaseModel | undefined;
  /** Of a run that is gone on with. */
  readonly tokenizer?: Tokenizer | undefined;
  readonly position?: StreamPosition | undefined;
}

export async function planRun(config: TrainConfig, options: PlanOptions = {}): Promise<Plan> {
  const { base, position } = options;
  invariant((base === undefined) === (config.model.path === undefined), "a base model goes with model.path");
  refuseAdapter(config);
  const tokenizer = base?.tokenizer ?? options.tokenizer ?? (await makeTokenizer(config));
  const { contextLength = mostLength } = base?.facts ?? {};
  const rowLength =
    config.model.length ?? (base === undefined ? freshLength : Math.min(mostLength, contextLength));
  const template: ChatTemplate | undefined = base?.template;
  const data = await openExamples(config.data, tokenizer, {
    ...{ seed: config.seed, length: rowLength, template, from: position },
  });
  const fresh = base === undefined ? freshOf(config, { tokenizer, rowLength, data }) : undefined;
  // The tokenizer knows where the mask is; MDLM's configuration does not.
  const facts = base?.facts ?? { ...fresh!.facts, maskId: tokenizer.specials.mask };
  const padId = facts.padId ?? tokenizer.specials.eos ?? facts.endIds[0]!;
  const rows = data.kind === "text";
  const method = objectiveOf(config, { facts, padId, rows });
  const products = config.dtype === "auto" ? chooseProductDtype(config.device as Device) : config.dtype;
  const memory = memoryOf(config, base, fresh);
  const threads = config.threads === "auto" ? chooseThreads() : config.threads;
  return { config, base, fresh, facts, tokenizer, data, rowLength, method, memory, products, threads };
}

/** Of a fresh MDLM what it comes to; of others so far the weights with their optimiser's state. */
function memoryOf(
  config: TrainConfig,
  base: BaseModel | undefined,
  fresh: FreshModel | undefined,
): MemoryPlan {
  const { batch_size: batchSize, micro_batch_size: rows = batchSize } = config.train;
  if (fresh?.family.name === "mdlm") {
    const memory = estimateMemory(fresh.config as MdlmConfig, rows);
    refuseTooLarge(memory, fresh.config as MdlmConfig, rows);
    return memory;
  }
  const parameters = parameterCount(base === undefined ? fresh!.shapes : describeModel(base.folder).shapes);
  return { parameters, bytes: 4 * (config.adapter === undefined ? 4 : 1) * parameters };
}

function refuseAdapter({ adapter, model }: TrainConfig): void {
  if (adapter === undefined || model.path !== undefined) return;
  throw new ConfigError(
    "adapter stands beside the weights of a trained model; give model.path, or leave it out",
  );
}

function freshOf(config: TrainConfig, given: Pick<Plan, "tokenizer" | "rowLength" | "data">): FreshModel {
  const { tokenizer, rowLength, data } = given;
  const { mask, eos, endOfTurn = [] } = tokenizer.specials;
  if (mask === undefined || eos === undefined) {
    throw new ConfigError("the tokenizer has no mask or no end token; train a new one");
  }
  const { family, hiddenSize, blocks, heads } = freshSizes(config);
  const { model } = config;
  return freshModel(family, {
    ...{ hiddenSize, layers: blocks, heads, length: rowLength },
    ...{ vocabularySize: tokenizer.vocabularySize, maskId: mask, endIds: [...new Set([eos, ...endOfTurn])] },
    ...{ keyHeads: model.key_heads, innerSize: model.inner_size, blockLength: model.block_length },
    ...{ conditionSize: model.condition_size, tied: model.tied },
    // Rows of documents begin with a given token.
    givenBegin: family === "mdlm" && data.kind === "text" && config.data.layout === "pad" ? true : undefined,
  });
}

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
  const plan = await planRun(config, {
    base,
    tokenizer: begun && base === undefined ? await loadTokenizer(own) : undefined,
    position: begun ? (peekCounters(checkpoints)?.position as StreamPosition | undefined) : undefined,
  });
  setThreads(plan.threads);
  const student = studentOf(plan);
  await world.broadcast([...student.parameters.values()]);
  const update = updateOptions(config.train, {
    fresh: base === undefined,
    adapter: config.adapter !== undefined,
  });
  const trained = new Map([["student", new Trained(student.parameters, update, world)]]);
  const fresh = newCounters(fingerprintOf(plan));
  const counters = (begun ? loadCheckpoint(checkpoints, trained, fresh.fingerprint) : undefined) ?? fresh;
  if (!begun && world.rank === 0) {
    for (const name of [checkpoints, own]) mkdirSync(name, { recursive: true });
    await saveTokenizer(plan.tokenizer, own);
  }
  const averages = () => trained.get("student")!.average?.averages ?? student.parameters;
  return {
    ...{ method: plan.method, networks: { student: student.network }, trained, source: plan.data.train },
    ...{ world, seed: config.seed, products: plan.products, recompute: config.train.recompute },
    batchSize: config.train.batch_size,
    microBatchSize: config.train.micro_batch_size ?? config.train.batch_size,
    settings: loopSettings(config.train, config.out),
    counters,
    start: { ...startEvent(plan, world), fromStep: counters.step },
    position: () => plan.data.position(),
    evaluate: ({ last }) => evaluation(plan, student, averages(), last),
    exportModels: () =>
      exportModel(
        config.out,
        (to) => student.save(to, averages()),
        (to) => saveTokenizer(plan.tokenizer, to),
      ),
    async dispose() {
      for (const one of trained.values()) one.dispose();
      student.dispose();
      await plan.data.close();
    },
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

/** Of everything that a resumed run must share with its beginning. */
function fingerprintOf({ config, base, tokenizer, data }: Plan): string {
  const { beta1, beta2, batch_size, ema } = config.train;
  const { model, objective, adapter, seed, weights } = config;
  const settings = { model, objective, adapter, seed, weights, beta1, beta2, batch_size, ema };
  return createHash("sha256")
    .update(JSON.stringify(settings))
    .update(base === undefined ? "" : modelDigest(base.folder))
    .update(tokenizer.hash)
    .update(data.train.fingerprint)
    .digest("hex");
}

export function startEvent(plan: Plan, world: World = soloWorld): EventOf<"start"> {
  const { config, data, memory, method, products, threads, rowLength } = plan;
  return {
    type: "start",
    folder: config.out,
    method: method.name,
    parameters: memory.parameters,
    trainedParameters: memory.parameters,
    rows: data.train.count,
    rowLength,
    heldOutRows: data.heldOut?.count ?? 0,
    steps: totalSteps(config.train),
    batchSize: config.train.batch_size,
    fromStep: 0,
    estimatedBytes: memory.bytes,
    dtype: products,
    threads,
    workers: world.size,
    warnings: data.warnings(),
  };
}

async function evaluation(
  { config, data, method, products }: Plan,
  student: StudentNetwork,
  averages: StudentNetwork["parameters"],
  last: boolean,
): Promise<Metrics | undefined> {
  const { heldOut, tokensPerByte, kind } = data;
  if (heldOut === undefined) return undefined;
  const total = heldOut.count!;
  const count = Math.min(total, last ? finalDraws : quickExamples);
  const examples = await heldOut.at(Array.from({ length: count }, (_, i) => i));
  const draws = last ? Math.max(1, Math.floor(finalDraws / total)) : 1;
  const batchSize = config.train.micro_batch_size ?? config.train.batch_size;
  const nelbo = await student.withValues(averages, (network) =>
    heldOutLoss(network, method, examples, { seed: config.seed, products, draws, batchSize }),
  );
  return kind === "text" ? { nelbo, nats_per_byte: nelbo * tokensPerByte } : { nelbo };
}
