// What a run comes to before anything is allocated or written: data, model, method, memory, precision.

import {
  chooseProductDtype,
  chooseThreads,
  type Device,
  type ProductDtype,
  soloWorld,
  type World,
} from "@unmask/torch";
import { ConfigError, invariant } from "../base/errors.ts";
import { type OpenedExamples, openExamples } from "../data/open.ts";
import type { StreamPosition } from "../data/stream.ts";
import type { Facts } from "../models/family.ts";
import { type FreshModel, freshModel } from "../models/fresh.ts";
import { describeModel } from "../models/open.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { BaseModel } from "./base-model.ts";
import { freshSizes, type TrainConfig } from "./config.ts";
import type { Choices } from "./counters.ts";
import type { EventOf } from "./events.ts";
import { makeTokenizer } from "./fresh-tokenizer.ts";
import { refuseFewExamples } from "./loop.ts";
import type { MaskedMethod } from "./masked-method.ts";
import { objectiveOf } from "./objective.ts";
import type { MemoryPlan } from "./plan.ts";
import { runMemory } from "./run-memory.ts";
import { totalSteps } from "./settings.ts";

const freshLength = 64;
const mostLength = 1024;

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
  readonly choices?: Choices | undefined;
  readonly world?: World | undefined;
}

export async function planRun(config: TrainConfig, options: PlanOptions = {}): Promise<Plan> {
  const { base, position, choices, world = soloWorld } = options;
  invariant((base === undefined) === (config.model.path === undefined), "a base model goes with model.path");
  refuseMisplaced(config);
  refuseFewExamples(config.train.batch_size, world);
  const tokenizer = base?.tokenizer ?? options.tokenizer ?? (await makeTokenizer(config));
  const rowLength = lengthOf(config, base);
  const { seed } = config;
  const template = base?.template;
  const data = await openExamples(config.data, tokenizer, {
    seed,
    length: rowLength,
    template,
    from: position,
  });
  const fresh = base === undefined ? freshOf(config, { tokenizer, rowLength, data }) : undefined;
  // The tokenizer knows where the mask is; MDLM's configuration does not.
  const facts = base?.facts ?? { ...fresh!.facts, maskId: tokenizer.specials.mask };
  const padId = facts.padId ?? tokenizer.specials.eos ?? facts.endIds[0]!;
  const rows = data.kind === "text";
  const method = objectiveOf(config, { facts, padId, rows, rowLength });
  const chosen = await chosenFor(config, choices, world);
  const model = fresh ?? describeModel(base!.folder);
  const memory = runMemory(config, { model, kind: method.name, rowLength, products: chosen.products });
  return { config, base, fresh, facts, tokenizer, data, rowLength, method, memory, ...chosen };
}

function lengthOf({ model }: TrainConfig, base: BaseModel | undefined): number {
  if (base === undefined) return model.length ?? freshLength;
  const { contextLength } = base.facts;
  const { length = Math.min(mostLength, contextLength) } = model;
  if (length <= contextLength) return length;
  throw new ConfigError(
    `model.length is ${length} and ${base.name} was made for ${contextLength} tokens; give at most ${contextLength}`,
    { length, contextLength },
  );
}

/** A resumed run keeps what was measured at its beginning, so that it goes on bit for bit; all processes take rank 0's. */
export async function chosenFor(
  { dtype, device, threads }: Pick<TrainConfig, "dtype" | "device" | "threads">,
  earlier: Choices | undefined,
  world: World,
): Promise<Pick<Plan, "products" | "threads">> {
  const kept = earlier?.workers === world.size ? earlier.threads : undefined;
  const own: Pick<Plan, "products" | "threads"> = {
    products: dtype === "auto" ? (earlier?.products ?? chooseProductDtype(device as Device)) : dtype,
    threads: threads === "auto" ? (kept ?? chooseThreads()) : threads,
  };
  if (world.size === 1) return own;
  const asked = world.rank === 0 ? [own.products === "bfloat16" ? 1 : 0, own.threads] : [0, 0];
  const [isLow, count] = await world.allReduceNumbers(asked);
  return { products: isLow === 1 ? "bfloat16" : "float32", threads: count! };
}

/** What would have no effect is refused, not ignored. */
function refuseMisplaced({ adapter, model, tokenizer }: TrainConfig): void {
  const { path, revision, length: _length, ...sizes } = model;
  if (path === undefined) {
    if (revision !== undefined) throw new ConfigError("model.revision goes with model.path; give that too");
    if (adapter === undefined) return;
    throw new ConfigError(
      "adapter stands beside the weights of a trained model; give model.path, or leave it out",
    );
  }
  const [size] = Object.entries(sizes).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (size !== undefined) {
    throw new ConfigError(
      `model.${size} is for a fresh model, and ${path} has its own; leave out one of model.${size} and model.path`,
    );
  }
  if (tokenizer.kind !== "bytes") {
    throw new ConfigError(
      `tokenizer.kind is for a fresh model, and ${path} has its own tokenizer; leave out one of tokenizer.kind and model.path`,
    );
  }
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

export function startEvent(plan: Plan, world: World = soloWorld): EventOf<"start"> {
  const { config, data, memory, method, products, threads, rowLength } = plan;
  return {
    type: "start",
    folder: config.out,
    method: method.name,
    parameters: memory.parameters,
    trainedParameters: config.adapter === undefined ? memory.parameters : undefined,
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
