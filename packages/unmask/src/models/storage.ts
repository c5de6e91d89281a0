// What weights take in memory, by the dtype they are asked for in: arithmetic on the headers of the files, or on a
// config.json alone.

import { type Dtype, dtypes } from "@unmask/torch";
import type { WeightDtype } from "./load.ts";
import type { ModelDescription, OpenModel } from "./open.ts";
import { isQuantised } from "./quantise.ts";

export interface StoredTensor {
  /** Without prefix. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
}

export interface PlannedTensor extends StoredTensor {
  /** dtype in memory. */
  readonly target: Dtype;
  /** In memory, the scale of an int8 matrix not counted. */
  readonly bytes: number;
  readonly storedBytes: number;
  /** Of the scale that an int8 matrix has; 0 for others. */
  readonly scaleBytes: number;
}

export interface Storage {
  readonly tensors: readonly PlannedTensor[];
  /** Of all in memory. */
  readonly bytes: number;
  /** Nothing is converted: files can be used as they are. */
  readonly asStored: boolean;
}

export const product = (shape: readonly number[]): number => shape.reduce((total, size) => total * size, 1);

/** The parameters as the files have them; without files all have the dtype that config.json names. */
export function tensorsOf(model: ModelDescription | OpenModel): StoredTensor[] {
  const { checkpoint, prefix, shapes, raw } = model;
  const named = String(raw.values.torch_dtype ?? raw.values.dtype ?? "float32").replace(/^torch\./, "");
  const stated: Dtype = named in dtypes ? (named as Dtype) : "float32";
  return [...shapes].map(([name, shape]) => {
    const dtype = checkpoint === undefined ? stated : (checkpoint.info(prefix + name).dtype as Dtype);
    return { name, shape, dtype };
  });
}

export function planStorage(tensors: readonly StoredTensor[], dtype: WeightDtype): Storage {
  const planned = tensors.map((tensor): PlannedTensor => {
    const size = product(tensor.shape);
    const quantised = dtype === "int8" && isQuantised(tensor.name, tensor.shape);
    const kept = dtype === "auto" || dtype === "int8" ? tensor.dtype : dtype;
    const target: Dtype = quantised ? "int8" : kept;
    return {
      ...tensor,
      target,
      bytes: size * dtypes[target].bytes,
      storedBytes: size * dtypes[tensor.dtype].bytes,
      scaleBytes: quantised ? 4 * tensor.shape[0]! : 0,
    };
  });
  return {
    tensors: planned,
    bytes: planned.reduce((sum, { bytes, scaleBytes }) => sum + bytes + scaleBytes, 0),
    asStored: planned.every((tensor) => tensor.target === tensor.dtype),
  };
}
