// Values of Parquet columns: texts and JSON as the library is to make them, and all of them as JSON would hold them.

import { isUtf8 } from "node:buffer";
import type { Fields } from "./row.ts";

/** What stands where bytes are no text, or a text no JSON. */
export class NoText {
  readonly what: string;
  constructor(what: string) {
    this.what = what;
  }
}

const text = (bytes: Uint8Array | undefined): unknown => {
  if (bytes === undefined) return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? buffer.toString("utf8") : new NoText("bytes that are not UTF-8");
};

const json = (bytes: Uint8Array | undefined): unknown => {
  const source = text(bytes);
  if (typeof source !== "string") return source;
  try {
    return JSON.parse(source);
  } catch {
    return new NoText("a text that is not JSON");
  }
};

export const parsers = { stringFromBytes: text as () => string, jsonFromBytes: json };

/** As JSON would hold it: no absent fields, no whole numbers of another type. */
export function plain(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plainValue(value)]));
}

function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null || value instanceof NoText || value instanceof Date)
    return value;
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number | bigint>, Number);
  if (Array.isArray(value)) return value.map(plainValue);
  const entries = Object.entries(value).filter(([, inside]) => inside !== null && inside !== undefined);
  return Object.fromEntries(entries.map(([name, inside]) => [name, plainValue(inside)]));
}
