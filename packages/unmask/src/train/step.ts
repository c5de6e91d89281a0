// One step of training: prepare, count, sample; then for each phase the losses of all micro-batches, and one update.

import {
  backward,
  noGrad,
  type ProductDtype,
  Recompute,
  reshape,
  scope,
  setRequiresGrad,
  stack,
  type Tensor,
  tensor,
  tensorsIn,
  toDtype,
  toNumbers,
  type World,
} from "@unmask/torch";
import type { Counts, ExampleSource, LossParts, Method, Phase, PhaseContext, Place } from "./method.ts";
import { NonFiniteError } from "./non-finite.ts";
import type { RatioBuckets } from "./ratio-buckets.ts";
import type { Trained } from "./trained.ts";

/** A method with all that it works on. */
export interface Job<Networks, Example, Prepared, Batch> {
  readonly method: Method<Networks, Example, Prepared, Batch>;
  readonly networks: Networks;
  readonly trained: ReadonlyMap<string, Trained>;
  readonly source: ExampleSource<Example>;
  readonly world: World;
  readonly seed: number;
  /** Examples of the global batch, and at most so many in one forward. */
  readonly batchSize: number;
  readonly microBatchSize: number;
  readonly products: ProductDtype;
  /** Keep only the inputs of layers, and compute them again for their gradients. */
  readonly recompute?: boolean | undefined;
}

export interface StepOutcome {
  readonly phases: readonly PhaseOutcome[];
  readonly tokens: number;
}

export interface PhaseOutcome {
  readonly name: string;
  readonly updates: string;
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  readonly gradientNorm: number;
  readonly learningRate: number;
}

/** Takes step number `step` (from 0), at a share `progress` of the run. */
export async function takeStep<Networks, Example, Prepared, Batch>(
  job: Job<Networks, Example, Prepared, Batch>,
  { step, progress, buckets }: { step: number; progress: number; buckets: RatioBuckets },
): Promise<StepOutcome> {
  const { method, source, world } = job;
  const places = placesOf(job, { step, progress });
  const examples = await source.at(places.flatMap((place) => place.examples));
  let next = 0;
  const prepared = places.map((place) => {
    const own = examples.slice(next, next + place.examples.length);
    next += own.length;
    return method.prepare(own, place);
  });
  const totals = await totalCounts(prepared.map(method.counts), world);
  const contexts = places.map((place) => ({ place, totals, products: job.products }));
  const batches = prepared.map((one, i) => sampled(job, one, contexts[i]!));
  try {
    const work = { batches, contexts, buckets, prepared };
    const phases: PhaseOutcome[] = [];
    for (const phase of method.phases) {
      if (phase.active?.(step) ?? true) phases.push(await runPhase(job, phase, work));
    }
    const tokens = prepared.reduce((sum, one) => sum + method.tokens(one), 0);
    return world.size === 1 ? { phases, tokens } : await addedUp({ phases, tokens }, world);
  } finally {
    for (const tensor of tensorsIn(batches)) tensor.dispose();
  }
}

/** The process's micro-batches: its part of the global batch is as large as the others' can be, and in order. */
function placesOf(
  { batchSize, microBatchSize, world, seed }: JobSizes,
  { step, progress }: { step: number; progress: number },
): Place[] {
  const first = Math.floor((batchSize * world.rank) / world.size);
  const end = Math.floor((batchSize * (world.rank + 1)) / world.size);
  const places: Place[] = [];
  for (let at = first; at < end; at += microBatchSize) {
    const size = Math.min(microBatchSize, end - at);
    const examples = Array.from({ length: size }, (_, i) => step * batchSize + at + i);
    places.push({ seed, step, examples, first: at, count: batchSize, progress });
  }
  return places;
}

type JobSizes = Pick<
  Job<unknown, unknown, unknown, unknown>,
  "batchSize" | "microBatchSize" | "world" | "seed"
>;

/** Every process counts the same things: names come from the method, not from the data. */
async function totalCounts(parts: readonly Counts[], world: World): Promise<Counts> {
  const own: Record<string, number> = {};
  for (const part of parts) {
    for (const [name, value] of Object.entries(part)) own[name] = (own[name] ?? 0) + value;
  }
  return world.size === 1 ? own : world.allReduceNumbers(own);
}

/** What the phases see, in no scope: the step frees it. */
function sampled<Networks, Example, Prepared, Batch>(
  { method, networks }: Job<Networks, Example, Prepared, Batch>,
  prepared: Prepared,
  context: PhaseContext,
): Batch {
  // Without a sample() what was prepared is the batch: the method's type says so.
  if (method.sample === undefined) return prepared as unknown as Batch;
  const sample = method.sample.bind(method);
  return scope(() => noGrad(() => sample(networks, prepared, context)));
}

interface PhaseWork<Prepared, Batch> {
  readonly batches: readonly Batch[];
  readonly prepared: readonly Prepared[];
  readonly contexts: readonly PhaseContext[];
  readonly buckets: RatioBuckets;
}

async function runPhase<Networks, Example, Prepared, Batch>(
  job: Job<Networks, Example, Prepared, Batch>,
  phase: Phase<Networks, Batch>,
  { batches, contexts, buckets, prepared }: PhaseWork<Prepared, Batch>,
): Promise<PhaseOutcome> {
  const trained = job.trained.get(phase.updates)!;
  const others = [...job.trained.values()].filter((one) => one !== trained);
  const sums: Record<string, number> = { loss: 0 };
  setGradients(others, false);
  batches.forEach((batch, i) => {
    trained.buckets.begin(i === batches.length - 1);
    const values = scope(() => lossAndGradients(job, phase, { batch, context: contexts[i]!, buckets }));
    for (const [name, value] of Object.entries(values)) sums[name] = (sums[name] ?? 0) + value;
  });
  setGradients(others, true);
  await trained.buckets.finish();
  phase.beforeClipping?.(job.networks);
  const gradientNorm = trained.clip();
  const { place } = contexts[0]!;
  const isFine = [gradientNorm, ...Object.values(sums)].every(Number.isFinite);
  if (!(await everywhere(isFine, job.world))) {
    trained.zeroGradients();
    throw new NonFiniteError({ step: place.step, phase: phase.name, values: sums, gradientNorm, prepared });
  }
  const learningRate = await trained.update(place.progress);
  const { loss, ...terms } = sums;
  return { name: phase.name, updates: phase.updates, loss: loss!, terms, gradientNorm, learningRate };
}

function lossAndGradients<Networks, Example, Prepared, Batch>(
  { networks, ...job }: Job<Networks, Example, Prepared, Batch>,
  phase: Phase<Networks, Batch>,
  { batch, context, buckets }: { batch: Batch; context: PhaseContext; buckets: RatioBuckets },
): Record<string, number> {
  const recompute = job.recompute === true ? new Recompute() : undefined;
  try {
    const parts = phase.loss(networks, batch, { ...context, recompute });
    backward(parts.loss);
    recompute?.finish();
    return readParts(parts, buckets);
  } finally {
    recompute?.dispose();
  }
}

/** One process that stops alone would leave the others waiting. */
async function everywhere(isFine: boolean, world: World): Promise<boolean> {
  if (world.size === 1) return isFine;
  const [wrong] = await world.allReduceNumbers([isFine ? 0 : 1]);
  return wrong === 0;
}

/** What stands besides the phase's network takes no gradients, though they may pass through it. */
function setGradients(networks: readonly Trained[], wanted: boolean): void {
  for (const { parameters } of networks) {
    for (const parameter of parameters.values()) setRequiresGrad(parameter, wanted);
  }
}

/** Loss and terms in one copy from the device; the positions' losses go to the buckets. */
function readParts(
  { loss, terms = {}, positions }: LossParts,
  buckets: RatioBuckets,
): Record<string, number> {
  const names = ["loss", ...Object.keys(terms)];
  const values = noGrad(() => {
    const { device } = loss;
    const scalar = (value: Tensor | number) =>
      typeof value === "number"
        ? tensor(value, [], { dtype: "float64", device })
        : reshape(toDtype(value, "float64"), []);
    return toNumbers(stack([loss, ...Object.values(terms)].map(scalar)));
  });
  if (positions !== undefined) buckets.add(toNumbers(positions.losses_N), positions.times);
  return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
}

/** Losses and terms are shares: their sums over the processes are the step's. Norms and rates are the same everywhere. */
async function addedUp({ phases, tokens }: StepOutcome, world: World): Promise<StepOutcome> {
  const own = phases.flatMap(({ loss, terms }) => [loss, ...Object.values(terms)]);
  const all = await world.allReduceNumbers([tokens, ...own]);
  let next = 0;
  return {
    tokens: all[next++]!,
    phases: phases.map((one) => ({
      ...one,
      loss: all[next++]!,
      terms: Object.fromEntries(Object.keys(one.terms).map((name) => [name, all[next++]!])),
    })),
  };
}
