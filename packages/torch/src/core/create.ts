// Tensors from JavaScript arrays, and back.

import { contiguous, detach, empty, item as itemOp, toDevice } from "../generated/ops.ts";
import type { Device } from "./device.ts";
import { put, torchError } from "./dispatch.ts";
import { type Dtype, dtypes, type TypedArray } from "./dtype.ts";
import { TorchError } from "./errors.ts";
import { native } from "./native.ts";
import { scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

export interface TensorOptions {
  /** Element type of the result; by default the array's own (number[] gives float32). */
  dtype?: Dtype | undefined;
  /** Where it lives; the CPU by default. */
  device?: Device | undefined;
  requiresGrad?: boolean | undefined;
}

/** Numbers nested to the depth of the tensor's rank. */
export type Nested = number | boolean | readonly Nested[];

const arrayDtypes: readonly [new (length: number) => TypedArray, Dtype][] = [
  [Float32Array, "float32"],
  [Float64Array, "float64"],
  [BigInt64Array, "int64"],
  [Int32Array, "int32"],
  [Int16Array, "int16"],
  [Int8Array, "int8"],
  [Uint8Array, "uint8"],
];

/**
 * A tensor with a copy of `data`: a typed array (whose type gives the dtype) with a shape, or nested numbers.
 * Uint16Array needs `dtype` float16 or bfloat16 and holds their bits. Throws a TorchError if the shape does not
 * fit the data, rows have different lengths, or the array type is not supported.
 */
export function tensor(
  data: TypedArray | Nested,
  shape?: readonly number[],
  options: TensorOptions = {},
): Tensor {
  const isArray = ArrayBuffer.isView(data);
  const values = isArray ? (data as TypedArray) : flatten(data as Nested, options.dtype);
  const size = shape ?? (isArray ? [values.length] : shapeOf(data as Nested));
  const source = dtypeOfArray(values, options.dtype);
  const expected = size.reduce((product, length) => product * length, 1);
  if (expected !== values.length) {
    throw new TorchError(
      "tensor",
      `shape [${size.join(", ")}] needs ${expected} values, got ${values.length}`,
    );
  }
  const result = scope(() => {
    const host = fromBytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), size, source);
    return convert(host, options.dtype ?? source, options.device);
  });
  if (options.requiresGrad === true) setRequiresGrad(result, true);
  return result;
}

/** A CPU tensor of `dtype` with a copy of `bytes` (row-major, little-endian). */
export function fromBytes(bytes: Uint8Array, shape: readonly number[], dtype: Dtype): Tensor {
  const result = empty(shape, { dtype });
  const expected = result.size * dtypes[dtype].bytes;
  if (bytes.length !== expected) {
    result.dispose();
    throw new TorchError(
      "fromBytes",
      `${dtype}[${shape.join(", ")}] needs ${expected} bytes, got ${bytes.length}`,
    );
  }
  if (expected > 0) native.writeBytes(result.handle, bytes);
  return result;
}

/** Copies the elements, row-major and little-endian, into `bytes`, which must be exactly as long. */
export function readInto(bytes: Uint8Array, source: Tensor): void {
  scope(() => {
    if (bytes.length > 0) native.readBytes(toHost(source).handle, bytes);
  });
}

/** The elements as a typed array in row-major order; float16 and bfloat16 appear as their bits (Uint16Array). */
export function toTypedArray(source: Tensor): TypedArray {
  return scope(() => {
    const host = toHost(source);
    const { array: Constructor, bytes } = dtypes[host.dtype];
    const buffer = new Uint8Array(host.size * bytes);
    if (buffer.length > 0) native.readBytes(host.handle, buffer);
    return new Constructor(buffer.buffer, 0, host.size);
  });
}

/** The elements as JavaScript numbers in row-major order, whatever the dtype (int64 must be safe integers). */
export function toNumbers(source: Tensor): number[] {
  return scope(() => {
    const half = source.dtype === "float16" || source.dtype === "bfloat16";
    const values = toTypedArray(half ? convert(source, "float32", undefined) : source);
    return Array.from(values as ArrayLike<number | bigint>, Number);
  });
}

/** The elements as nested arrays of the tensor's shape; a plain number for a scalar. */
export function toNested(source: Tensor): Nested {
  const numbers = toNumbers(source);
  const build = (dimension: number, offset: number): Nested => {
    const length = source.shape[dimension];
    if (length === undefined) return numbers[offset] ?? 0;
    const stride = source.shape.slice(dimension + 1).reduce((product, size) => product * size, 1);
    return Array.from({ length }, (_, i) => build(dimension + 1, offset + i * stride));
  };
  return build(0, 0);
}

/** The only element of a tensor of size 1. */
export function item(source: Tensor): number {
  if (source.size !== 1)
    throw new TorchError("item", `it needs a tensor with one value, got ${source.describe()}`);
  return Number(itemOp(source));
}

/** The tensor in another dtype and on another device; itself if nothing changes. */
export function convert(source: Tensor, dtype: Dtype, device: Device | undefined): Tensor {
  const target = device ?? source.device;
  if (source.dtype === dtype && source.device === target) return source;
  return toDevice(source, target, dtype);
}

/** Marks a leaf as wanting gradients, or not; returns it. */
export function setRequiresGrad<T extends Tensor>(leaf: T, wanted: boolean): T {
  if (!wanted && !leaf.isLeaf)
    throw new TorchError("setRequiresGrad", "only a leaf can stop wanting gradients; use detach()", [
      leaf.describe(),
    ]);
  try {
    put(wanted, put(leaf, 0));
    native.setRequiresGrad();
  } catch (error) {
    throw torchError("setRequiresGrad", error, [leaf]);
  }
  return leaf;
}

function toHost(source: Tensor): Tensor {
  const detached = source.requiresGrad ? detach(source) : source;
  const host = detached.device === "cpu" ? detached : toDevice(detached, "cpu", source.dtype);
  return host.isContiguous ? host : contiguous(host);
}

function dtypeOfArray(values: TypedArray, wanted: Dtype | undefined): Dtype {
  if (values instanceof Uint16Array) {
    if (wanted === "float16" || wanted === "bfloat16") return wanted;
    throw new TorchError(
      "tensor",
      "a Uint16Array holds the bits of float16 or bfloat16: say which with `dtype`",
    );
  }
  const found = arrayDtypes.find(([Constructor]) => values instanceof Constructor);
  if (found === undefined) throw new TorchError("tensor", `${values.constructor.name} is not supported`);
  return found[1];
}

function shapeOf(data: Nested): number[] {
  const shape: number[] = [];
  for (let level = data; Array.isArray(level); level = level[0] as Nested) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  return shape;
}

function flatten(data: Nested, dtype: Dtype | undefined): TypedArray {
  const shape = shapeOf(data);
  const flat: number[] = [];
  const visit = (level: Nested, depth: number): void => {
    if (!Array.isArray(level)) {
      if (depth !== shape.length)
        throw new TorchError("tensor", "the rows of nested numbers differ in depth");
      if (typeof level !== "number" && typeof level !== "boolean")
        throw new TorchError(
          "tensor",
          `it needs numbers or booleans, got ${level === null ? null : typeof level}`,
        );
      flat.push(Number(level));
      return;
    }
    if (level.length !== shape[depth]) {
      throw new TorchError(
        "tensor",
        `the rows of nested numbers differ in length (${level.length} and ${shape[depth]})`,
      );
    }
    for (const inner of level as readonly Nested[]) visit(inner, depth + 1);
  };
  visit(data, 0);
  if (dtype === "int64") return BigInt64Array.from(flat, toBigInt);
  // float32 would round large integers on their way to int32.
  return dtype === "float64" || dtype === "int32" ? Float64Array.from(flat) : Float32Array.from(flat);
}

function toBigInt(value: number): bigint {
  if (!Number.isFinite(value)) throw new TorchError("tensor", `int64 cannot hold ${value}`);
  return BigInt(Math.trunc(value));
}
