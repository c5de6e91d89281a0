// Memory of a forward before anything is loaded: arithmetic on the headers of the files (or on config.json alone) and on
// the family's sizes, plus what the process itself holds, which the caller measures in a process of the same kind.

import {
  chooseProductDtype,
  type Device,
  type Dtype,
  dtypes,
  operator,
  type ProductDtype,
} from "@unmask/torch";
import { UnsupportedError } from "../base/errors.ts";
import { type LoadedNetwork, refuseDtype, type WeightDtype } from "./load.ts";
import type { ModelDescription, OpenModel } from "./open.ts";
import { Ledger } from "./parts/ledger.ts";
import { blockRows, rehearse } from "./parts/rehearsal.ts";
import { planStorage, type Storage, tensorsOf } from "./storage.ts";

export interface EstimateOptions {
  readonly batch: number;
  readonly length: number;
  readonly device: Device;
  readonly dtype: WeightDtype;
  /** A cache of keys and values for all positions of the batch, beside the forward. */
  readonly cache: boolean;
  /** Bytes of the process before the model, 0 on a GPU. */
  readonly base: number;
}

/** Bytes of memory on the device. */
export interface Estimate {
  readonly weights: number;
  readonly cache: number;
  readonly logits: number;
  /** All else that a forward makes, at its worst. */
  readonly activations: number;
  readonly base: number;
  /** The most at one moment, loading included. */
  readonly peak: number;
  readonly products: ProductDtype | "float64";
}

/**
 * dtype of matrix products for weights asked for as `dtype`: exact where nothing else is asked for, and with bfloat16
 * weights whatever is quicker here.
 */
export const productsFor = (dtype: WeightDtype, device: Device): ProductDtype =>
  dtype === "bfloat16" ? chooseProductDtype(device) : "float32";

/** Throws an UnsupportedError where the family serves no such weights or has no cache. */
export function estimateMemory(model: ModelDescription | OpenModel, options: EstimateOptions): Estimate {
  const { batch, length, device, dtype, base } = options;
  refuseDtype(model, dtype);
  const storage = planStorage(tensorsOf(model), dtype);
  const ledger = new Ledger();
  const loading = load(ledger, storage, device);
  const mapped = storage.asStored && device === "cpu" ? fileBytes(model, storage) : 0;
  const weights = mapped + ledger.resident;
  const matrix = largest(storage);
  const products = matrix === "float64" ? "float64" : productsFor(dtype, device);
  const stream = matrix === "bfloat16" && products === "bfloat16" ? "bfloat16" : wideOf(products);
  const cache = options.cache ? cacheBytes(model, { batch, length, products }) : 0;
  if (cache > 0) ledger.take(cache);
  const before = ledger.resident;
  let logits = 0;
  const forward = ledger.mostOf(() => {
    logits = rehearse(ledger, model.family.sizes(model.config), {
      rows: batch,
      length,
      vocabularySize: model.facts.vocabularySize,
      stream: dtypes[stream].bytes,
      products: dtypes[products].bytes,
      stored: dtypes[matrix].bytes,
      fusedAttention: operator("aten::scaled_dot_product_attention").exists,
    });
  });
  const peak = base + Math.max(loading, mapped + forward);
  const activations = Math.max(0, forward - before - logits);
  return { weights, cache, logits, activations, base, peak, products };
}

/** What one sequence asks of the forwards that it takes part in. */
export interface SequenceLoad {
  /** Columns of its largest forward. */
  readonly fed: number;
  /** Columns that its cache grows to; 0 without one. */
  readonly cached: number;
  /** Columns whose logits are wanted at most. */
  readonly candidates: number;
  readonly products: ProductDtype;
}

/** Bytes that a sequence takes beside the weights, at most: its cache, its part of a forward, its logits. */
export function estimateSequence(
  { family, config, facts, network }: LoadedNetwork,
  { fed, cached, candidates, products }: SequenceLoad,
): number {
  const { dtype } = [...network.parameters.values()][0]!;
  const inProducts = dtype === "float64" ? "float64" : products;
  const stream = dtype === "bfloat16" && products === "bfloat16" ? "bfloat16" : wideOf(inProducts);
  const ledger = new Ledger();
  const forward = ledger.mostOf(() => {
    rehearse(ledger, family.sizes(config), {
      ...{ rows: 1, length: fed, vocabularySize: 1 },
      stream: dtypes[stream].bytes,
      products: dtypes[inProducts].bytes,
      stored: dtypes[dtype].bytes,
      fusedAttention: operator("aten::scaled_dot_product_attention").exists,
    });
  });
  const shape = cached > 0 ? family.cacheShape?.(config) : undefined;
  const cache =
    shape === undefined
      ? 0
      : 2 * shape.layers * shape.keyHeads * cached * shape.headSize * dtypes[inProducts].bytes;
  return forward + cache + candidates * facts.vocabularySize * dtypes[wideOf(inProducts)].bytes;
}

const wideOf = (products: Dtype): Dtype => (products === "float64" ? "float64" : "float32");

/** dtype in memory of the largest matrix, which stands for all. */
function largest({ tensors }: Storage): Dtype {
  return tensors.reduce((one, other) => (other.bytes > one.bytes ? other : one)).target;
}

/** Takes what conversion makes; returns the most at one moment, a file's mapped tensor included. */
function load(ledger: Ledger, { tensors, asStored }: Storage, device: Device): number {
  if (asStored && device === "cpu") return 0;
  let most = 0;
  for (const { target, dtype, shape, bytes, storedBytes, scaleBytes } of tensors) {
    const quantises = scaleBytes > 0;
    const here = ledger.mostOf(() => {
      ledger.take(bytes);
      if (!quantises) return;
      ledger.take(scaleBytes);
      const [rows, columns] = shape as [number, number];
      for (const count of blockRows(rows, columns)) {
        ledger.discard(() => {
          for (let i = 0; i < (dtype === "float32" ? 4 : 5); i++) ledger.take(4 * count * columns);
        });
      }
    });
    most = Math.max(most, here + (target === dtype && !quantises ? 0 : storedBytes));
  }
  ledger.empty();
  return most;
}

/** All of the files is mapped and read, buffers that are no parameters included. */
function fileBytes({ checkpoint }: ModelDescription, { bytes }: Storage): number {
  if (checkpoint === undefined) return bytes;
  return checkpoint.names.reduce((sum, name) => sum + checkpoint.info(name).bytes, 0);
}

function cacheBytes(
  { family, config }: ModelDescription,
  { batch, length, products }: { batch: number; length: number; products: Dtype },
): number {
  const shape = family.cacheShape?.(config);
  if (shape === undefined) {
    throw new UnsupportedError(`${family.name} keeps no cache of keys and values; leave --cache out`);
  }
  return 2 * shape.layers * batch * shape.keyHeads * length * shape.headSize * dtypes[products].bytes;
}
