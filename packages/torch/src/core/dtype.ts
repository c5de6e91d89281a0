// Element types: their names, libtorch's codes (c10/core/ScalarType.h), sizes, and how they look in JavaScript.

import { TorchError } from "./errors.ts";

export type TypedArray =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | Uint16Array;

type TypedArrayConstructor = new (buffer: ArrayBufferLike, offset: number, length: number) => TypedArray;

interface DtypeFacts {
  code: number;
  bytes: number;
  floating: boolean;
  /** The array that holds such elements bit for bit; 16-bit floats appear as their bits. */
  array: TypedArrayConstructor;
}

const table = {
  uint8: { code: 0, bytes: 1, floating: false, array: Uint8Array },
  int8: { code: 1, bytes: 1, floating: false, array: Int8Array },
  int16: { code: 2, bytes: 2, floating: false, array: Int16Array },
  int32: { code: 3, bytes: 4, floating: false, array: Int32Array },
  int64: { code: 4, bytes: 8, floating: false, array: BigInt64Array },
  float16: { code: 5, bytes: 2, floating: true, array: Uint16Array },
  float32: { code: 6, bytes: 4, floating: true, array: Float32Array },
  float64: { code: 7, bytes: 8, floating: true, array: Float64Array },
  bool: { code: 11, bytes: 1, floating: false, array: Uint8Array },
  bfloat16: { code: 15, bytes: 2, floating: true, array: Uint16Array },
} as const satisfies Record<string, DtypeFacts>;

export type Dtype = keyof typeof table;

export const dtypes: Readonly<Record<Dtype, DtypeFacts>> = table;

const names = new Map<number, Dtype>(
  Object.entries(table).map(([name, facts]) => [facts.code, name as Dtype]),
);

/** libtorch's code of a dtype; undefined stays undefined (the operator's default). */
export function dtypeCode(dtype: Dtype | undefined): number | undefined {
  if (dtype === undefined) return undefined;
  const facts = dtypes[dtype];
  if (facts === undefined) {
    throw new TorchError("dtype", `"${dtype}" is no dtype; use one of ${Object.keys(table).join(", ")}`);
  }
  return facts.code;
}

export function dtypeName(code: number): Dtype {
  const name = names.get(code);
  if (name === undefined)
    throw new TorchError("dtype", `this package does not handle libtorch's dtype ${code}`);
  return name;
}
