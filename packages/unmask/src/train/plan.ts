// What a run will take of memory, before its first step: weights, the optimiser's state and averages of every network,
// the gradients of the one that a phase updates, and what its forwards keep.

import { type Dtype, dtypes, operator, type ProductDtype } from "@unmask/torch";
import { ConfigError } from "../base/errors.ts";
import type { NetworkSizes } from "../models/family.ts";
import { memoryLimit, residentMemory } from "../models/memory.ts";
import { parameterCount } from "../models/open.ts";
import { headKept, layersKept, type TrainedForward } from "../models/training-memory.ts";

/** A network in memory. */
export interface PlannedNetwork {
  readonly sizes: NetworkSizes;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly vocabularySize: number;
  /** Of its weights; norms and biases count like all. */
  readonly dtype: Dtype;
  /** Adapters are taken to stand beside all projections. */
  readonly trains: TrainedForward["trains"];
  /** Numbers that train, where they are a part of the weights. */
  readonly trained?: number | undefined;
  /** An average of what trains is kept. */
  readonly averaged: boolean;
}

/** A forward of a micro-batch. */
export interface PlannedForward {
  readonly network: PlannedNetwork;
  readonly rows: number;
  /** Positions of a row, the doubled sequence's where that is fed. */
  readonly length: number;
  /** Positions whose logits are computed. */
  readonly reads: number;
  /** Without, the logits alone are kept. */
  readonly gradient: boolean;
  /** Logits are made chunk by chunk. */
  readonly chunked: boolean;
  /** A padding or a visibility is given, or the family has one. */
  readonly biased: boolean;
}

export interface TrainingPlan {
  readonly networks: readonly PlannedNetwork[];
  /** For each phase the forwards whose results live together until its backward. */
  readonly phases: readonly (readonly PlannedForward[])[];
  readonly products: ProductDtype;
  readonly recompute: boolean;
  /** Bytes of the process before the run; those of this one by default. */
  readonly base?: number | undefined;
}

/** Bytes; `bytes` is the most at one moment. */
export interface MemoryPlan {
  /** Numbers, of all networks and of what trains. */
  readonly parameters: number;
  readonly trainedParameters: number;
  readonly weights: number;
  /** Two moments, and masters beside weights below float32. */
  readonly optimiser: number;
  readonly averages: number;
  readonly gradients: number;
  /** What the layers keep, and the logits with what their loss makes of them. */
  readonly activations: number;
  readonly logits: number;
  readonly base: number;
  readonly bytes: number;
}

export function trainingMemory(plan: TrainingPlan): MemoryPlan {
  const { networks, phases, base = residentMemory() } = plan;
  const sum = (of: (network: PlannedNetwork) => number) =>
    networks.reduce((total, one) => total + of(one), 0);
  const worst = phases
    .map((forwards) => phaseMemory(forwards, plan))
    .reduce((one, other) => (totalOf(other) > totalOf(one) ? other : one));
  const fixed = {
    weights: sum(
      (one) => bytesOf(one) * parameterCount(one.shapes) + (hasAdapters(one) ? 4 * trainedOf(one) : 0),
    ),
    optimiser: sum((one) => (trainedDtype(one) < 4 ? 12 : 8) * trainedOf(one)),
    averages: sum((one) => (one.averaged ? Math.max(4, trainedDtype(one)) * trainedOf(one) : 0)),
  };
  return {
    parameters: sum(({ shapes }) => parameterCount(shapes)),
    trainedParameters: sum(trainedOf),
    ...fixed,
    ...worst,
    base,
    bytes: base + fixed.weights + fixed.optimiser + fixed.averages + totalOf(worst),
  };
}

interface PhaseMemory {
  readonly gradients: number;
  readonly activations: number;
  readonly logits: number;
}

const totalOf = ({ gradients, activations, logits }: PhaseMemory): number => gradients + activations + logits;

function phaseMemory(forwards: readonly PlannedForward[], plan: TrainingPlan): PhaseMemory {
  const learning = new Set(forwards.filter(({ gradient }) => gradient).map(({ network }) => network));
  const gradients = [...learning].reduce((total, one) => total + trainedDtype(one) * trainedOf(one), 0);
  const parts = forwards.map((forward) => forwardMemory(forward, plan));
  const kept = parts.reduce((total, part) => total + part.layers.kept, 0);
  const logits = parts.reduce((total, part) => total + part.head.kept, 0);
  const worst = (of: (part: (typeof parts)[number]) => number) => Math.max(0, ...parts.map(of));
  return {
    gradients,
    activations: kept + worst(({ layers }) => layers.working),
    logits: logits + worst(({ head }) => head.working),
  };
}

function forwardMemory(forward: PlannedForward, { products: dtype, recompute }: TrainingPlan) {
  const { network, gradient, reads, chunked } = forward;
  const { sizes, vocabularySize } = network;
  const stored = bytesOf(network);
  const products = network.dtype === "float64" ? 8 : dtypes[dtype].bytes;
  const stream = stored === 2 && products === 2 ? 2 : Math.max(4, products);
  const described = {
    ...forward,
    ...{ stream, products, stored, trains: network.trains, recompute },
    fusedAttention: operator("aten::scaled_dot_product_attention").exists,
  };
  if (gradient) {
    return {
      layers: layersKept(sizes, described),
      head: headKept(sizes, described, { vocabularySize, chunked }),
    };
  }
  // Of a forward without gradient the logits stay; its layers take what a recomputed one's working does.
  const quiet = layersKept(sizes, { ...described, trains: "nothing", recompute: true });
  const logits = chunked ? 0 : 4 * reads * vocabularySize;
  return { layers: { kept: 0, working: quiet.working }, head: { kept: logits, working: 0 } };
}

const bytesOf = ({ dtype }: PlannedNetwork): number => dtypes[dtype].bytes;

const hasAdapters = ({ trains }: PlannedNetwork): boolean => typeof trains !== "string";

/** Bytes of a number that trains: adapters are float32. */
const trainedDtype = (network: PlannedNetwork): number =>
  hasAdapters(network) ? Math.max(4, bytesOf(network)) : bytesOf(network);

function trainedOf({ trains, trained, shapes, sizes }: PlannedNetwork): number {
  if (trains === "nothing") return 0;
  if (trained !== undefined) return trained;
  if (trains === "weights") return parameterCount(shapes);
  const { layers, hiddenSize: D, heads, keyHeads, headSize, innerSize: F } = sizes;
  const ends = 2 * (D + heads * headSize) + 2 * (D + keyHeads * headSize) + 3 * (D + F);
  return layers * trains.rank * ends;
}

export interface Refusal {
  /** Examples of a forward that are asked for. */
  readonly rows: number;
  /** The same with recomputed layers, where they are not yet. */
  readonly recomputed?: ((rows: number) => MemoryPlan) | undefined;
  /** Bytes that there are; all of the machine's, or of the container's, by default. */
  readonly available?: number | undefined;
}

/** Throws a ConfigError with a remedy if a micro-batch does not fit into memory. `planOf` grows with its rows. */
export function refuseTooLarge(planOf: (rows: number) => MemoryPlan, refusal: Refusal): void {
  const { rows, recomputed, available = memoryLimit() } = refusal;
  const { bytes } = planOf(rows);
  if (bytes <= available) return;
  const fits = (plan: (rows: number) => MemoryPlan) =>
    largest(rows, (some) => plan(some).bytes <= 0.9 * available);
  const [plain, less] = [fits(planOf), recomputed === undefined ? 0 : fits(recomputed)];
  const remedies = [
    ...(plain >= 1 ? [`train.micro_batch_size=${plain} or less`] : []),
    ...(less > plain
      ? [`train.recompute=true${less < rows ? ` with train.micro_batch_size=${less}` : ""}`]
      : []),
  ];
  const remedy =
    remedies.length === 0 ? "a smaller model, shorter rows or an adapter" : remedies.join(", or ");
  throw new ConfigError(
    `a forward of ${rows} examples needs about ${gib(bytes)} GiB of memory and there are ${gib(available)}; use ${remedy}`,
    { rows, bytes, available },
  );
}

/** The largest count from 0 to `limit` that fits. */
function largest(limit: number, fits: (count: number) => boolean): number {
  let [low, high] = [0, limit];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
