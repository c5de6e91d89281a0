// Writing safetensors files: the same bytes as the reference for the same tensors (data sorted by dtype, strictest
// alignment first, then by name; header padded with spaces to 8 bytes), except that metadata is sorted by key where
// the reference leaves the order to a hash map. Tensors are written in pieces, so that a save needs little memory
// beyond the tensors (a tensor that is not contiguous is copied, one at a time).

import { readInto } from "../core/create.ts";
import { dtypes } from "../core/dtype.ts";
import { scope } from "../core/scope.ts";
import { Tensor } from "../core/tensor.ts";
import { detach, narrow, reshape } from "../generated/ops.ts";
import { type Append, writeAtomically } from "./atomic.ts";
import { quote, SafetensorsError } from "./error.ts";
import { formatOf, maxHeaderBytes } from "./header.ts";

export type TensorsByName = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

export interface SaveOptions {
  /** Strings by name, for the file's "__metadata__". */
  metadata?: Readonly<Record<string, string>> | undefined;
}

const pieceBytes = 1 << 22;

/**
 * Writes tensors of any device and layout to one file, atomically: a failure, a full disk or a kill leaves an
 * earlier file of that name as it was. Throws a SafetensorsError.
 */
export function saveSafetensors(path: string, tensors: TensorsByName, options: SaveOptions = {}): void {
  const items = itemsToSave(path, tensors);
  const header = encodeHeader(path, items, options.metadata);
  writeAtomically(path, (append) => {
    append(header);
    for (const item of items) appendTensor(append, item.tensor);
  });
}

export interface Item {
  name: string;
  tensor: Tensor;
  format: string;
  shape: readonly number[];
  bytes: number;
}

/** What a file will hold, in the order of its data. Throws a SafetensorsError if something cannot be saved. */
export function itemsToSave(path: string, tensors: TensorsByName): Item[] {
  const pairs = tensors instanceof Map ? [...tensors] : Object.entries(tensors as Record<string, Tensor>);
  const items = pairs.map(([name, tensor]) => {
    checkText(path, name, "a tensor's name");
    if (name === "" || name === "__metadata__")
      throw new SafetensorsError(path, "no tensor can have this name", name);
    if (!(tensor instanceof Tensor))
      throw new SafetensorsError(path, `it must be a Tensor, got ${quote(tensor)}`, name);
    if (tensor.isDisposed) throw new SafetensorsError(path, "it was freed before it could be saved", name);
    const { name: format, rank } = formatOf.get(tensor.dtype)!;
    const { shape, size } = tensor;
    return { name, tensor, format, rank, shape, bytes: size * dtypes[tensor.dtype].bytes };
  });
  return items.sort((a, b) => b.rank - a.rank || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}

/** The header with its length in front, padded. Put together by hand: objects would reorder names like "10". */
function encodeHeader(path: string, items: readonly Item[], metadata: SaveOptions["metadata"]): Uint8Array {
  const fields: string[] = [];
  if (metadata !== undefined) fields.push(`"__metadata__":${encodeMetadata(path, metadata)}`);
  let begin = 0;
  for (const { name, format, shape, bytes } of items) {
    const info = `"dtype":"${format}","shape":[${shape.join(",")}],"data_offsets":[${begin},${begin + bytes}]`;
    fields.push(`${JSON.stringify(name)}:{${info}}`);
    begin += bytes;
  }
  const json = Buffer.from(`{${fields.join(",")}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  if (padded > maxHeaderBytes)
    throw new SafetensorsError(path, `names and metadata need ${padded} bytes, more than ${maxHeaderBytes}`);
  const result = Buffer.alloc(8 + padded, " ");
  result.writeBigUInt64LE(BigInt(padded));
  json.copy(result, 8);
  return result;
}

function encodeMetadata(path: string, metadata: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(metadata).map(([key, value]) => {
    if (typeof value !== "string") {
      const hint = `metadata holds strings, got ${quote(value)} for ${quote(key)}; convert it first`;
      throw new SafetensorsError(path, hint);
    }
    checkText(path, key, "a key of the metadata");
    checkText(path, value, "a value of the metadata");
    return [key, value] as const;
  });
  pairs.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`;
}

/** Half a surrogate pair has no UTF-8: it would be written as something else. */
function checkText(path: string, text: string, what: string): void {
  if (Buffer.from(text).toString() !== text)
    throw new SafetensorsError(path, `${what} must be valid Unicode, got ${quote(text)}`);
}

/** Through one buffer: pieces in arrays of their own would wait for the garbage collector. */
function appendTensor(append: Append, tensor: Tensor): void {
  const { size, dtype } = tensor;
  if (size === 0) return;
  const { bytes } = dtypes[dtype];
  const step = pieceBytes / bytes;
  const buffer = new Uint8Array(Math.min(size, step) * bytes);
  scope(() => {
    const flat = reshape(detach(tensor), [size]);
    for (let start = 0; start < size; start += step) {
      const count = Math.min(step, size - start);
      const piece = buffer.subarray(0, count * bytes);
      readInto(piece, narrow(flat, 0, start, count));
      append(piece);
    }
  });
}
