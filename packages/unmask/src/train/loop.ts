// The training loop: steps, evaluation, checkpoints, events, until the last step, the end of the time, or an interrupt.
// It knows no method's name. The full state is saved, and every random number is keyed by the example, so that a resumed
// run goes on bit for bit on the CPU.

import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { World } from "@unmask/torch";
import { ConfigError } from "../base/errors.ts";
import { type Counters, type HeldByRole, saveCheckpoint } from "./checkpoint.ts";
import type { EventOf, TrainEvent, TrainHooks } from "./events.ts";
import { MetricsFile } from "./metrics-file.ts";
import { NonFiniteError, nonFiniteFailure, saveBatch } from "./non-finite.ts";
import { RatioBuckets, ratioBuckets } from "./ratio-buckets.ts";
import { type Job, type StepOutcome, takeStep } from "./step.ts";
import { TensorBoardFile } from "./tensorboard.ts";

export interface LoopSettings {
  /** Folder of the run. */
  readonly folder: string;
  /** Infinity where only time is limited. */
  readonly steps: number;
  readonly minutes?: number | undefined;
  /** Steps between evaluations, between checkpoints, and between reports of losses by masked share; 0 for none. */
  readonly evaluateEvery: number;
  readonly saveEvery: number;
  readonly ratiosEvery: number;
  /** Checkpoints kept. */
  readonly keep: number;
}

export type Metrics = Readonly<Record<string, number>>;

/** A job under way. */
export interface Run<Networks, Example, Prepared, Batch> extends Job<Networks, Example, Prepared, Batch> {
  readonly settings: LoopSettings;
  readonly counters: Counters;
  readonly start: EventOf<"start">;
  /** Figures on held-out data; the last one of a run may look at more of it. */
  evaluate?(when: { step: number; last: boolean }): Promise<Metrics | undefined> | Metrics | undefined;
  /** Tensors that change without an optimiser: they belong into checkpoints. */
  readonly held?: HeldByRole | undefined;
  /** After every step, with the accuracy that an evaluation found, the same on all: rounds of self-distillation. */
  afterStep?(when: { step: number; accuracy: number | undefined }): void;
  /** Where the data is read on after a resume, for sources that need to know. */
  position?(): unknown;
  /** What is known only at the end: odd rows of a stream. */
  warnings?(): readonly string[];
  /** Writes the models that come of it. */
  exportModels(): Promise<void>;
}

export interface TrainResult {
  folder: string;
  step: number;
  /** What the last evaluation found; absent for an interrupted run. */
  metrics: Metrics | undefined;
  reason: "done" | "interrupted";
}

/** Goes on from the counters to the end; resolves when done or interrupted, with models and full state saved. */
export async function runLoop<Networks, Example, Prepared, Batch>(
  run: Run<Networks, Example, Prepared, Batch>,
  hooks: TrainHooks,
): Promise<TrainResult> {
  const { settings, counters, world } = run;
  refuseImpossible(run);
  const emit = emitter(run, hooks);
  emit(run.start);
  const clock = new Clock(counters);
  const buckets = new RatioBuckets(world.rank === 0 ? counters.ratios : undefined);
  let saved = counters.step === 0 ? -1 : counters.step;
  const save = async (): Promise<void> => {
    if (saved === counters.step || counters.step === 0) return;
    saved = counters.step;
    counters.ratios = await allNumbers(buckets, world);
    const position = run.position?.();
    if (position !== undefined) counters.position = position;
    const options = { world, keep: settings.keep, held: run.held };
    const folder = await saveCheckpoint(join(settings.folder, "checkpoints"), run.trained, counters, options);
    emit({ type: "checkpoint", step: saved, folder });
  };
  const evaluate = async (last: boolean): Promise<Metrics | undefined> => {
    const metrics = world.rank === 0 ? await run.evaluate?.({ step: counters.step, last }) : undefined;
    if (metrics !== undefined) emit({ type: "evaluate", step: counters.step, metrics });
    return metrics;
  };
  const due = (every: number) => every > 0 && counters.step % every === 0;
  while (await goesOn(run, hooks.signal)) {
    const outcome = await oneStep(run, buckets);
    emit(stepEvent(run, outcome, clock));
    if (due(settings.ratiosEvery)) await reportRatios(run, buckets, emit);
    const metrics = due(settings.evaluateEvery) ? await evaluate(false) : undefined;
    const accuracy = due(settings.evaluateEvery) ? await sharedAccuracy(metrics, world) : undefined;
    run.afterStep?.({ step: counters.step, accuracy });
    if (due(settings.saveEvery)) await save();
    await nextTurn();
  }
  await save();
  const reason = isDone(run) ? "done" : "interrupted";
  const metrics = reason === "done" ? await evaluate(true) : undefined;
  if (world.rank === 0) await run.exportModels();
  await world.barrier();
  const late = (run.warnings?.() ?? []).filter((one) => !run.start.warnings.includes(one));
  const warnings = late.length === 0 ? {} : { warnings: late };
  const { step, seconds } = counters;
  emit({ type: "finish", reason, step, seconds, metrics, ...warnings });
  return { folder: settings.folder, step: counters.step, metrics, reason };
}

/** Only rank 0 evaluates, and all act on what it finds. */
async function sharedAccuracy(metrics: Metrics | undefined, world: World): Promise<number | undefined> {
  const own = metrics?.accuracy;
  if (world.size === 1) return own;
  const [known, accuracy] = await world.allReduceNumbers([own === undefined ? 0 : 1, own ?? 0]);
  return known === 0 ? undefined : accuracy;
}

function refuseImpossible({
  settings: { folder, steps },
  counters: { step },
  batchSize,
  world,
}: Pick<Run<unknown, unknown, unknown, unknown>, keyof UsedByEmitter | "batchSize">): void {
  if (step > steps) {
    throw new ConfigError(
      `${folder} has been trained for ${step} steps and train.steps is ${steps}; give at least ${step}`,
    );
  }
  refuseFewExamples(batchSize, world);
}

export function refuseFewExamples(batchSize: number, { size }: World): void {
  if (batchSize >= size) return;
  throw new ConfigError(
    `train.batch_size is ${batchSize} and ${size} processes train together: each needs an example of every batch; give at least ${size}, or start fewer processes`,
    { batchSize, processes: size },
  );
}

/** To the hooks, metrics.jsonl and TensorBoard; rank 0 speaks for all. */
function emitter(
  { settings, counters, world }: Pick<Run<unknown, unknown, unknown, unknown>, keyof UsedByEmitter>,
  hooks: TrainHooks,
): (event: TrainEvent) => void {
  if (world.rank !== 0) return () => {};
  let files: { append(event: TrainEvent): void }[] | undefined;
  return (event) => {
    hooks.onEvent?.(event); // first: it makes the folder of a new run
    files ??= [
      new MetricsFile(join(settings.folder, "metrics.jsonl"), counters.step),
      new TensorBoardFile(join(settings.folder, "tensorboard"), counters.step),
    ];
    for (const file of files) file.append(event);
  };
}

type UsedByEmitter = Pick<Run<unknown, unknown, unknown, unknown>, "settings" | "counters" | "world">;

/** Counts the time of this process on top of that of earlier ones. */
class Clock {
  private readonly began = performance.now();
  private readonly earlier: number;
  readonly firstStep: number;

  constructor({ seconds, step }: Counters) {
    this.earlier = seconds;
    this.firstStep = step;
  }

  /** Seconds since this process began. */
  get here(): number {
    return (performance.now() - this.began) / 1000;
  }

  get total(): number {
    return this.earlier + this.here;
  }
}

/** Share of the time limit that is used up; 0 without one. */
function timeShare<N, E, P, B>({ settings, counters }: Run<N, E, P, B>): number {
  return settings.minutes === undefined ? 0 : counters.seconds / 60 / settings.minutes;
}

function isDone<N, E, P, B>(run: Run<N, E, P, B>): boolean {
  return run.counters.step >= run.settings.steps || timeShare(run) >= 1;
}

/** Clocks and interrupts differ between processes: all go by rank 0's. */
async function goesOn<N, E, P, B>(run: Run<N, E, P, B>, signal: AbortSignal | undefined): Promise<boolean> {
  const { world, counters } = run;
  const stops = signal?.aborted === true ? 1 : 0;
  if (world.size === 1) return stops === 0 && !isDone(run);
  const own = world.rank === 0 ? [counters.seconds, stops] : [0, 0];
  const [seconds, stop] = await world.allReduceNumbers(own);
  counters.seconds = seconds!;
  return stop === 0 && !isDone(run);
}

async function oneStep<N, E, P, B>(run: Run<N, E, P, B>, buckets: RatioBuckets): Promise<StepOutcome> {
  const { counters, settings, world } = run;
  const progress = Math.min(1, Math.max(counters.step / settings.steps, timeShare(run)));
  try {
    return await takeStep(run, { step: counters.step, progress, buckets });
  } catch (error) {
    if (!(error instanceof NonFiniteError)) throw error;
    const rank = world.size === 1 ? "" : `-rank-${world.rank}`;
    const file = join(settings.folder, `failed-batch-${counters.step + 1}${rank}.json`);
    saveBatch(file, error.found);
    throw nonFiniteFailure(
      error.found,
      file,
      "lower train.learning_rate, or look at that batch, and run again with --resume",
    );
  }
}

function stepEvent<N, E, P, B>(
  { settings, counters }: Run<N, E, P, B>,
  { phases, tokens }: StepOutcome,
  clock: Clock,
): TrainEvent {
  const main = phases.findLast(({ updates }) => updates === "student") ?? phases.at(-1);
  const loss = main?.loss ?? 0;
  counters.step++;
  counters.seconds = clock.total;
  counters.smoothedLoss = counters.step === 1 ? loss : 0.98 * counters.smoothedLoss + 0.02 * loss;
  counters.tokens += tokens;
  const { here: seconds } = clock;
  const bySteps = (seconds / (counters.step - clock.firstStep)) * (settings.steps - counters.step);
  const byTime =
    settings.minutes === undefined ? Number.POSITIVE_INFINITY : settings.minutes * 60 - counters.seconds;
  const telling = phases.length > 1 || phases.some(({ terms }) => Object.keys(terms).length > 0);
  return {
    type: "step",
    step: counters.step,
    steps: settings.steps,
    loss,
    smoothedLoss: counters.smoothedLoss,
    learningRate: main?.learningRate ?? 0,
    gradientNorm: main?.gradientNorm ?? 0,
    tokensPerSecond: counters.tokens / counters.seconds,
    seconds,
    secondsLeft: Math.max(0, Math.min(bySteps, byTime)),
    ...(telling ? { phases } : {}),
  };
}

async function reportRatios<N, E, P, B>(
  { world, counters }: Run<N, E, P, B>,
  buckets: RatioBuckets,
  emit: (event: TrainEvent) => void,
): Promise<void> {
  const numbers = await allNumbers(buckets, world);
  buckets.reset();
  emit({ type: "ratios", step: counters.step, buckets: ratioBuckets(numbers) });
}

/** Of all processes. */
const allNumbers = async (buckets: RatioBuckets, world: World): Promise<number[]> =>
  world.size === 1 ? buckets.numbers() : [...(await world.allReduceNumbers(buckets.numbers()))];
