// The memory of a run that trains one network on noised tokens, out of its configuration.

import type { Dtype, ProductDtype } from "@unmask/torch";
import type { FreshModel } from "../models/fresh.ts";
import type { ModelDescription } from "../models/open.ts";
import { planStorage, tensorsOf } from "../models/storage.ts";
import type { TrainConfig } from "./config.ts";
import type { MaskedMethod } from "./masked-method.ts";
import { type MemoryPlan, type PlannedNetwork, refuseTooLarge, trainingMemory } from "./plan.ts";
import { mostLogits } from "./rows-forward.ts";
import { updateOptions } from "./settings.ts";

export interface RunMemory {
  /** What is trained, or what it begins as. */
  readonly model: FreshModel | ModelDescription;
  readonly kind: MaskedMethod["name"];
  readonly rowLength: number;
  readonly products: ProductDtype;
}

/** Throws a ConfigError if a micro-batch would not fit into the memory of this machine. */
export function runMemory(config: TrainConfig, run: RunMemory): MemoryPlan {
  const { batch_size: batchSize, micro_batch_size: rows = batchSize, recompute } = config.train;
  const planOf = (recomputed: boolean) => (some: number) =>
    memoryOf(config, run, { rows: some, recompute: recomputed });
  // What is on a GPU is not this memory's.
  if (config.device === "cpu") {
    refuseTooLarge(planOf(recompute), { rows, recomputed: recompute ? undefined : planOf(true) });
  }
  return planOf(recompute)(rows);
}

function memoryOf(
  config: TrainConfig,
  { model, kind, rowLength, products }: RunMemory,
  { rows, recompute }: { rows: number; recompute: boolean },
): MemoryPlan {
  const { train, adapter } = config;
  const { average } = updateOptions(train, { fresh: !("folder" in model), adapter: adapter !== undefined });
  const network = { ...plannedStudent(config, model), averaged: average !== undefined };
  // The doubled sequence of an answer without a prompt.
  const length = kind === "blocks" ? 2 * rowLength : rowLength;
  const reads = Math.ceil(rows * rowLength * noisedShare(rows));
  const forward = {
    ...{ network, rows, length, reads, gradient: true },
    chunked: reads * network.vocabularySize > mostLogits,
    biased: kind !== "rows",
  };
  const base = config.device === "cpu" ? undefined : 0;
  return trainingMemory({ networks: [network], phases: [[forward]], products, recompute, base });
}

/** Rows have a time each, uniform: half of the tokens on average, and more in the worst of many batches. */
const noisedShare = (rows: number): number => Math.min(1, 0.5 + 1.2 / Math.sqrt(Math.max(1, rows)));

/** What a run updates, without an average. */
export function plannedStudent(
  { adapter, weights }: Pick<TrainConfig, "adapter" | "weights">,
  model: RunMemory["model"],
): PlannedNetwork {
  const { family, config, shapes, facts } = model;
  return {
    ...{ sizes: family.sizes(config), shapes, vocabularySize: facts.vocabularySize },
    dtype: weights !== "auto" ? weights : adapter === undefined ? "float32" : storedDtype(model),
    trains: adapter === undefined ? "weights" : { rank: adapter.rank },
    averaged: false,
  };
}

/** dtype of the largest matrix, which stands for all. */
function storedDtype(model: RunMemory["model"]): Dtype {
  if (!("folder" in model)) return "float32";
  const { tensors } = planStorage(tensorsOf(model), "auto");
  return tensors.reduce((one, other) => (other.bytes > one.bytes ? other : one)).dtype;
}
