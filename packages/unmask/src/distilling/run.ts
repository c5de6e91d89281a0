// A distillation: networks by role out of one model, examples, the method, and the training loop over them.

import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  type Device,
  type ProductDtype,
  setThreads,
  soloWorld,
  type Tensor,
  type World,
} from "@unmask/torch";
import { ConfigError } from "../base/errors.ts";
import type { Answer, ExampleSource } from "../data/example.ts";
import { openExamples } from "../data/open.ts";
import { type Distiller, type DistillerName, distillers, type Role } from "../distill/distillers.ts";
import { t3dSettings } from "../distill/t3d-options.ts";
import { load } from "../generate/load.ts";
import type { Network } from "../models/family.ts";
import { saveTokenizer } from "../text/tokenizer-files.ts";
import { type BaseModel, modelDigest } from "../train/base-model.ts";
import { checkpointSteps, loadCheckpoint, newCounters, peekCounters } from "../train/checkpoint.ts";
import type { EventOf, TrainHooks } from "../train/events.ts";
import { exportModel } from "../train/export.ts";
import { type Run, runLoop, type TrainResult } from "../train/loop.ts";
import type { Method } from "../train/method.ts";
import { chosenFor } from "../train/run-plan.ts";
import { loopSettings, rateOf, totalSteps, updateOptions } from "../train/settings.ts";
import { Trained } from "../train/trained.ts";
import type { DistillConfig } from "./config.ts";
import { evaluationPrompts, writtenQuality } from "./evaluate.ts";
import { type Examples, hashOfConfig, trajectoryExamples } from "./examples.ts";
import { RoundKeeper } from "./keep-rounds.ts";
import { distillationMemory } from "./memory.ts";
import { type RoleNetworks, roleNetworks } from "./networks.ts";
import { methodOptions } from "./options.ts";

export interface DistillOptions extends TrainHooks {
  /** The model that config.model names. */
  readonly base: BaseModel;
  readonly resume?: boolean | undefined;
  readonly world?: World | undefined;
}

/** What a run's types are is the method's own business; here they are passed on. */
type AnyMethod = Method<unknown, unknown, unknown, unknown>;
type AnyDistiller = Distiller<unknown, Record<string, unknown>, unknown, unknown, unknown>;

/** Distils (or goes on distilling) as configured; resolves when done or interrupted, with the model saved. */
export async function distil(config: DistillConfig, options: DistillOptions): Promise<TrainResult> {
  const plan = await planDistillation(config, options);
  const made = await prepare(plan, options);
  try {
    return await runLoop(made.run, options);
  } finally {
    made.dispose();
  }
}

export interface Plan {
  readonly config: DistillConfig;
  readonly base: BaseModel;
  readonly distiller: AnyDistiller;
  readonly method: AnyMethod;
  readonly examples: Examples<unknown>;
  readonly start: EventOf<"start">;
}

/** Everything that can be found out before a network is loaded. Throws a ConfigError, DataError or CheckpointError. */
export async function planDistillation(
  config: DistillConfig,
  { base, resume = false, world = soloWorld }: Pick<DistillOptions, "base" | "resume" | "world">,
): Promise<Plan> {
  const { method: name } = config.distill;
  const distiller = distillers[name] as unknown as AnyDistiller;
  const reason = distiller.refuses(base.facts);
  if (reason !== undefined)
    throw new ConfigError(`${name} does not suit ${base.name}: ${reason}`, { method: name });
  const method = distiller.create(base.facts, optionsOf(config, base)) as AnyMethod;
  const examples = await examplesOf(config, base);
  const earlier = resume ? peekCounters(join(config.out, "checkpoints"))?.choices : undefined;
  const { products, threads } = await chosenFor(config, earlier, world);
  const { networks: roles, graphs = 1 } = distiller;
  const memory = distillationMemory(config, {
    ...{ folder: base.folder, roles, graphs, length: examples.length, products },
  });
  const start: EventOf<"start"> = {
    ...{ type: "start", folder: config.out, method: method.name, parameters: memory.parameters },
    ...{ trainedParameters: memory.trainedParameters, rows: examples.train.count },
    ...{ rowLength: examples.length, heldOutRows: config.evaluate?.count ?? 0 },
    ...{ steps: totalSteps(config.train), batchSize: config.train.batch_size, fromStep: 0 },
    ...{ dtype: products, workers: world.size, estimatedBytes: memory.bytes },
    threads,
    warnings: examples.warnings,
  };
  return { config, base, distiller, method, examples, start };
}

/** Random tokens are the tokenizer's: neither the embedding's spare rows nor the special tokens that stand last. */
export function optionsOf(
  { distill }: DistillConfig,
  { tokenizer, facts }: Pick<BaseModel, "tokenizer" | "facts">,
): Record<string, unknown> {
  const options = methodOptions(distill);
  if (distill.method !== "t3d" && distill.method !== "trajectory") return options;
  const special = new Set(tokenizer.specialTokens.values());
  let randomTokens = Math.min(tokenizer.vocabularySize, facts.vocabularySize);
  while (randomTokens > 1 && special.has(randomTokens - 1)) randomTokens--;
  return { randomTokens, ...options };
}

/** Methods that write whole texts: their examples have one length. */
const oneLength: ReadonlySet<DistillerName> = new Set(["didi", "duo"]);

/** Answers with ends behind them, which are learnt, up to one length. */
function filledUp(source: ExampleSource<Answer>, length: number, endId: number): ExampleSource<Answer> {
  const fill = (answer: Answer): Answer => {
    if (answer.ids.length === length) return answer;
    const ids = new Int32Array(length).fill(endId);
    ids.set(answer.ids);
    return { ids, promptLength: answer.promptLength };
  };
  return { ...source, at: async (numbers) => (await source.at(numbers)).map(fill) };
}

async function examplesOf(config: DistillConfig, base: BaseModel): Promise<Examples<unknown>> {
  const { trajectories, data, seed } = config;
  if (trajectories !== undefined) {
    const maker = { base, modelHash: hashOfConfig(base.folder) };
    return trajectoryExamples(trajectories, maker, seed);
  }
  const { tokenizer, template, facts } = base;
  const length = config.length ?? facts.contextLength;
  const opened = await openExamples(data!, tokenizer, { seed, length, template });
  const train = oneLength.has(config.distill.method)
    ? filledUp(opened.train, length, tokenizer.specials.eos ?? facts.endIds[0]!)
    : opened.train;
  return { train, length, warnings: opened.warnings() };
}

interface Made {
  readonly run: Run<unknown, unknown, unknown, unknown>;
  dispose(): void;
}

async function prepare(plan: Plan, { resume = false, world = soloWorld }: DistillOptions): Promise<Made> {
  const { config, base, distiller, method, start } = plan;
  const checkpoints = join(config.out, "checkpoints");
  const begun = checkpointSteps(checkpoints).length > 0;
  if (begun && !resume) {
    throw new ConfigError(
      `${config.out} holds checkpoints of an earlier run; resume it, or choose another folder`,
    );
  }
  setThreads(start.threads);
  const made = roleNetworks(base, distiller.networks as Record<string, Role>, config);
  const trained = trainedOf(config, made, world);
  const averages = () => trained.get("student")!.average?.averages ?? made.student.parameters;
  const rounds = roundsOf(plan, made, averages);
  const held = new Map([...made.held, ...(rounds === undefined ? [] : [["best", rounds.best] as const])]);
  const source = plan.examples.train as ExampleSource<unknown>;
  const fresh = newCounters(fingerprintOf(plan, source.fingerprint));
  const counters =
    (begun ? loadCheckpoint(checkpoints, trained, fresh.fingerprint, held) : undefined) ?? fresh;
  if (rounds !== undefined && counters.notes !== undefined)
    rounds.state = counters.notes as RoundKeeper["state"];
  if (!begun && world.rank === 0) mkdirSync(checkpoints, { recursive: true });
  counters.choices = { products: start.dtype as ProductDtype, threads: start.threads, workers: world.size };
  const run: Run<unknown, unknown, unknown, unknown> = {
    ...{ method, networks: made.networks, trained, source, world, held, counters },
    ...{ seed: config.seed, products: start.dtype as ProductDtype, recompute: config.train.recompute },
    batchSize: config.train.batch_size,
    microBatchSize: config.train.micro_batch_size ?? config.train.batch_size,
    settings: loopSettings(config.train, config.out),
    start: { ...start, fromStep: counters.step },
    ...(await evaluator(plan, (use) => made.student.withValues(averages(), use))),
    afterStep(when) {
      rounds?.after(when);
      if (rounds !== undefined) counters.notes = rounds.state;
    },
    exportModels: () =>
      exportModel(
        config.out,
        (to) => made.student.save(to, averages()),
        (to) => made.saveBeside(to),
        (to) => saveTokenizer(base.tokenizer, to),
      ),
  };
  return {
    run,
    dispose() {
      for (const one of trained.values()) one.dispose();
      rounds?.dispose();
      made.dispose();
    },
  };
}

/** Student and critic have settings of their own; the critic has no average, and clips at 1. */
function trainedOf(config: DistillConfig, { trained }: RoleNetworks, world: World): Map<string, Trained> {
  const student = updateOptions(config.train, { fresh: false, adapter: config.adapter !== undefined });
  const rate = rateOf(config.train, config.distill.discriminator_lr as number);
  const critic = { ...student, rate, betas: [0.9, 0.999] as const, weightDecay: 0, clip: 1 };
  // Published: DiDi-Instruct's average has one decay from the first update on.
  const averageWarmup = config.distill.method !== "didi";
  return new Map(
    [...trained].map(([role, parameters]) => {
      const options = role === "critic" ? { ...critic, average: undefined } : { ...student, averageWarmup };
      return [role, new Trained(parameters, options, world)];
    }),
  );
}

function roundsOf(
  { config, base }: Plan,
  { networks }: RoleNetworks,
  scored: () => ReadonlyMap<string, Tensor>,
): RoundKeeper | undefined {
  if (config.distill.method !== "t3d") return undefined;
  const { rounds } = t3dSettings(base.facts, methodOptions(config.distill));
  if (rounds.refresh === "latest") return undefined;
  if (config.evaluate === undefined) {
    throw new ConfigError(
      'distill.refresh "best" goes by the accuracy that evaluate: measures; give evaluate.data, or refresh "latest"',
    );
  }
  const { evaluate_every: every } = config.train;
  if (rounds.interval !== undefined && (every === 0 || every > rounds.interval)) {
    throw new ConfigError(
      `distill.refresh "best" needs a score in every round of ${rounds.interval} updates, and train.evaluate_every is ${every}; give at most ${rounds.interval}`,
    );
  }
  return new RoundKeeper(rounds, scored, (networks.reference as Network).parameters);
}

/** Of everything that a resumed run must share with its beginning. */
function fingerprintOf({ config, base }: Plan, source: string): string {
  const { beta1, beta2, batch_size, ema } = config.train;
  const { distill, adapter, seed, weights } = config;
  const settings = { distill, adapter, seed, weights, beta1, beta2, batch_size, ema };
  return createHash("sha256")
    .update(JSON.stringify(settings))
    .update(modelDigest(base.folder))
    .update(source)
    .digest("hex");
}

async function evaluator(
  { config, base }: Plan,
  withStudent: <Result>(use: (network: Network) => Promise<Result>) => Promise<Result>,
): Promise<Pick<Run<unknown, unknown, unknown, unknown>, "evaluate">> {
  const { evaluate, seed } = config;
  if (evaluate === undefined) return {};
  const prompts = await evaluationPrompts(evaluate);
  const model = await load(base.folder, { device: config.device as Device });
  const options = { prompts, config: evaluate, seed };
  return { evaluate: () => withStudent((network) => writtenQuality(model, network, options)) };
}
