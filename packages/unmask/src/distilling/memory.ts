// The memory of a distillation, out of its configuration: a network for every role, and for each phase the forwards whose
// results live together.

import type { ProductDtype } from "@unmask/torch";
import type { Role } from "../distill/distillers.ts";
import { discriminatorShapes, discriminatorTrainable } from "../models/discriminator.ts";
import type { MdlmConfig } from "../models/mdlm.ts";
import { describeModel, type ModelDescription, parameterCount } from "../models/open.ts";
import {
  type MemoryPlan,
  type PlannedForward,
  type PlannedNetwork,
  refuseTooLarge,
  trainingMemory,
} from "../train/plan.ts";
import { mostLogits } from "../train/rows-forward.ts";
import { plannedStudent } from "../train/run-memory.ts";
import { updateOptions } from "../train/settings.ts";
import type { DistillConfig } from "./config.ts";

export interface DistillationMemory {
  readonly folder: string;
  readonly roles: Readonly<Record<string, Role>>;
  /** Forwards of the student whose graphs live together. */
  readonly graphs: number;
  /** Tokens of the longest example. */
  readonly length: number;
  readonly products: ProductDtype;
}

/** Throws a ConfigError if a micro-batch would not fit into the memory of this machine. */
export function distillationMemory(config: DistillConfig, run: DistillationMemory): MemoryPlan {
  const { batch_size: batchSize, micro_batch_size: rows = batchSize, recompute } = config.train;
  const networks = networksOf(config, run);
  const { facts } = describeModel(run.folder);
  // Answers of block models are fed as prompt, clean copy and noisy copy.
  const length = (facts.blockLength === undefined ? 1 : 2) * run.length;
  const planOf = (recomputed: boolean) => (some: number) => {
    const reads = some * run.length;
    const forward = (network: PlannedNetwork, gradient: boolean): PlannedForward => ({
      ...{ network, rows: some, length, reads, gradient, biased: true },
      chunked: reads * network.vocabularySize > mostLogits,
    });
    const others = networks.filter(({ updated }) => !updated).map(({ network }) => forward(network, false));
    const phases = networks
      .filter(({ updated }) => updated)
      .map(({ network, graphs }) => [
        ...others,
        ...Array.from({ length: graphs }, () => forward(network, true)),
      ]);
    return trainingMemory({
      ...{ networks: networks.map(({ network }) => network), phases, products: run.products },
      ...{ recompute: recomputed, base: config.device === "cpu" ? undefined : 0 },
    });
  };
  // What is on a GPU is not this memory's.
  if (config.device === "cpu") {
    refuseTooLarge(planOf(recompute), { rows, recomputed: recompute ? undefined : planOf(true) });
  }
  return planOf(recompute)(rows);
}

interface RoleNetwork {
  readonly network: PlannedNetwork;
  readonly updated: boolean;
  readonly graphs: number;
}

function networksOf(config: DistillConfig, { folder, roles, graphs }: DistillationMemory): RoleNetwork[] {
  const model = describeModel(folder);
  const { train, adapter } = config;
  const { average } = updateOptions(train, { fresh: false, adapter: adapter !== undefined });
  const student = { ...plannedStudent(config, model), averaged: average !== undefined };
  return Object.values(roles).map((role) => {
    if (role === "trained") return { network: student, updated: true, graphs };
    if (role === "critic") return { network: criticOf(config, model), updated: true, graphs: 1 };
    return { network: { ...student, trains: "nothing", averaged: false }, updated: false, graphs: 0 };
  });
}

/** A critic's head is one number a position. */
function criticOf({ distill }: DistillConfig, model: ModelDescription): PlannedNetwork {
  const sizes = model.config as MdlmConfig;
  const shapes = discriminatorShapes(sizes);
  const { fidelity, discriminator_unfreeze_blocks: blocks } = distill;
  const { discriminator_time_path: timePath = fidelity !== "released" } = distill;
  const trained = discriminatorTrainable(sizes, { blocks: blocks as number, timePath: timePath as boolean });
  return {
    ...{ sizes: model.family.sizes(sizes), shapes, vocabularySize: 1, dtype: "float32", averaged: false },
    trains: "weights",
    trained: parameterCount(new Map(trained.map((name) => [name, shapes.get(name)!]))),
  };
}
