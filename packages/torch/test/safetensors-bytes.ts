// Safetensors files put together by hand, and a plain reader that trusts them: the other side of the tests.

import type { Tensor } from "../src/index.ts";
import { type Dtype, toTypedArray } from "../src/index.ts";

export const formatNames: Readonly<Record<Dtype, string>> = {
  bool: "BOOL",
  uint8: "U8",
  int8: "I8",
  int16: "I16",
  int32: "I32",
  int64: "I64",
  float16: "F16",
  bfloat16: "BF16",
  float32: "F32",
  float64: "F64",
};

/** Length, header (text or JSON; not padded) and data. */
export function fileOf(header: unknown, data: Uint8Array = new Uint8Array(0)): Buffer {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

/** The bytes of each tensor as JSON.parse sees the header. */
export function trustingRead(file: Buffer): Map<string, { dtype: string; shape: number[]; bytes: Buffer }> {
  const length = Number(file.readBigUInt64LE());
  const header = JSON.parse(file.subarray(8, 8 + length).toString()) as Record<string, never>;
  const result = new Map<string, { dtype: string; shape: number[]; bytes: Buffer }>();
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries<{
    dtype: string;
    shape: number[];
    data_offsets: [number, number];
  }>(header)) {
    if (name === "__metadata__") continue;
    const start = 8 + length;
    result.set(name, { dtype, shape, bytes: file.subarray(start + offsets[0], start + offsets[1]) });
  }
  return result;
}

/** Row-major bytes of a tensor. */
export function bytesOf(tensor: Tensor): Buffer {
  const array = toTypedArray(tensor);
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}
