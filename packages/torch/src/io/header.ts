// The header of a safetensors file, read without trusting a byte of it.
//
// A file is: the header's length n as 8 bytes (unsigned, little-endian), n bytes of JSON, the data. The JSON maps
// each tensor's name to {dtype, shape, data_offsets: [begin, end]} (offsets from the end of the header), and
// "__metadata__" to strings by name. The byte ranges must cover the data exactly: no overlap, no hole, nothing
// behind. Stricter than the reference (safetensors 0.4, tensor.rs) in that empty names, keys given twice and more
// than 64 dimensions are refused; fields of a tensor other than the three are ignored, as there.

import type { Dtype } from "../core/dtype.ts";
import { quote, SafetensorsError } from "./error.ts";
import { isObject, parseStrictJson } from "./json.ts";

/** Types of the format that libtorch (or this package) does not have, as files write them. */
export type UnsupportedDtype = "U16" | "U32" | "U64" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "C64";

interface FormatFacts {
  bytes: number;
  dtype?: Dtype;
}

/** Element types in the reference's order, in which ascending means looser to stricter alignment. */
const formats = {
  BOOL: { bytes: 1, dtype: "bool" },
  U8: { bytes: 1, dtype: "uint8" },
  I8: { bytes: 1, dtype: "int8" },
  F8_E5M2: { bytes: 1 },
  F8_E4M3: { bytes: 1 },
  F8_E8M0: { bytes: 1 },
  I16: { bytes: 2, dtype: "int16" },
  U16: { bytes: 2 },
  F16: { bytes: 2, dtype: "float16" },
  BF16: { bytes: 2, dtype: "bfloat16" },
  I32: { bytes: 4, dtype: "int32" },
  U32: { bytes: 4 },
  F32: { bytes: 4, dtype: "float32" },
  C64: { bytes: 8 },
  F64: { bytes: 8, dtype: "float64" },
  I64: { bytes: 8, dtype: "int64" },
  U64: { bytes: 8 },
} as const satisfies Record<string, FormatFacts>;

const formatTable: ReadonlyMap<string, FormatFacts> = new Map(Object.entries(formats));

/** Name and rank in files of each dtype. */
export const formatOf: ReadonlyMap<Dtype, { name: string; rank: number }> = new Map(
  [...formatTable].flatMap(([name, { dtype }], rank) =>
    dtype === undefined ? [] : [[dtype, { name, rank }] as const],
  ),
);

export const maxHeaderBytes = 100_000_000;
const maxRank = 64;

export interface Entry {
  dtype: Dtype | UnsupportedDtype;
  supported: boolean;
  shape: readonly number[];
  /** Byte range within the data. */
  begin: number;
  end: number;
}

export interface Header {
  metadata: Readonly<Record<string, string>>;
  /** In the order of the data. */
  entries: ReadonlyMap<string, Entry>;
}

/** Checks the header's length (the file's first 8 bytes) against the size of the file. */
export function checkHeaderLength(file: string, length: bigint, fileBytes: number): number {
  if (length > BigInt(maxHeaderBytes)) {
    const limit = `more than the ${maxHeaderBytes} allowed`;
    throw new SafetensorsError(
      file,
      `the header claims ${length} bytes, ${limit}; is this a safetensors file?`,
    );
  }
  if (Number(length) + 8 > fileBytes) {
    const reason = `the header claims ${length} bytes, but the file has ${fileBytes}`;
    throw new SafetensorsError(file, `${reason}; it is truncated, fetch or save it again`);
  }
  return Number(length);
}

/** Parses and checks a header; `dataBytes` is the number of bytes behind it. */
export function parseHeader(file: string, header: Uint8Array, dataBytes: number): Header {
  const json = decode(file, header);
  const entries: [string, Entry][] = [];
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, value] of Object.entries(json)) {
    if (name === "__metadata__") metadata = parseMetadata(file, value);
    else entries.push([name, parseEntry(file, name, value)]);
  }
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  checkCoverage(file, entries, dataBytes);
  return { metadata, entries: new Map(entries) };
}

function decode(file: string, header: Uint8Array): Record<string, unknown> {
  let json: unknown;
  try {
    json = parseStrictJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new SafetensorsError(
      file,
      `the header is not valid JSON: ${message}; the file is damaged, fetch it again`,
    );
  }
  if (!isObject(json))
    throw new SafetensorsError(file, `the header must be a JSON object, got ${quote(json)}`);
  return json;
}

function parseMetadata(file: string, value: unknown): Record<string, string> {
  if (!isObject(value))
    throw new SafetensorsError(file, `"__metadata__" must be an object, got ${quote(value)}`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text === "string") continue;
    throw new SafetensorsError(
      file,
      `"__metadata__" must hold strings, got ${quote(text)} for ${quote(key)}`,
    );
  }
  return value as Record<string, string>;
}

function parseEntry(file: string, name: string, value: unknown): Entry {
  const wrong = (reason: string) => new SafetensorsError(file, reason, name);
  if (name === "") throw wrong("a tensor's name must not be empty");
  if (!isObject(value)) throw wrong(`it must be described by an object, got ${quote(value)}`);
  const { dtype: format, shape, data_offsets: offsets } = value;
  const facts = typeof format === "string" ? formatTable.get(format) : undefined;
  if (facts === undefined) {
    throw wrong(
      `the dtype ${quote(format)} is not one of the format's (${[...formatTable.keys()].join(", ")})`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount))
    throw wrong(`the shape must list integers from 0, got ${quote(shape)}`);
  if (shape.length > maxRank) throw wrong(`it has ${shape.length} dimensions, more than ${maxRank}`);
  const [begin, end, ...more] = Array.isArray(offsets) ? (offsets as unknown[]) : [];
  if (!isCount(begin) || !isCount(end) || begin > end || more.length > 0)
    throw wrong(`data_offsets must be two ascending integers from 0, got ${quote(offsets)}`);
  const expected = byteLength(shape as number[], facts.bytes);
  if (expected !== end - begin) {
    const needs = expected === undefined ? "more bytes than any file has" : `${expected} bytes`;
    throw wrong(
      `${format} of shape ${quote(shape)} needs ${needs}, but data_offsets ${quote(offsets)} give ${end - begin}`,
    );
  }
  const dtype = facts.dtype ?? (format as UnsupportedDtype);
  return { dtype, supported: facts.dtype !== undefined, shape: shape as number[], begin, end };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Bytes of a tensor; undefined if a product of its sizes (zeros left out) is beyond exact integers. */
function byteLength(shape: readonly number[], elementBytes: number): number | undefined {
  let product = elementBytes;
  for (const size of shape) product *= Math.max(size, 1);
  if (!Number.isSafeInteger(product)) return undefined;
  return shape.includes(0) ? 0 : product;
}

function checkCoverage(file: string, entries: readonly [string, Entry][], dataBytes: number): void {
  let end = 0;
  let before = "";
  for (const [name, entry] of entries) {
    if (entry.end > dataBytes) {
      const reason = `its data ends at byte ${entry.end} of ${dataBytes}`;
      throw new SafetensorsError(file, `${reason}; the file is truncated, fetch or save it again`, name);
    }
    if (entry.begin < end)
      throw new SafetensorsError(file, `its data overlaps that of ${quote(before)}`, name);
    if (entry.begin > end)
      throw new SafetensorsError(file, `bytes ${end} to ${entry.begin} before it belong to no tensor`, name);
    end = entry.end;
    before = name;
  }
  if (end !== dataBytes)
    throw new SafetensorsError(file, `bytes ${end} to ${dataBytes} of the data belong to no tensor`);
}
