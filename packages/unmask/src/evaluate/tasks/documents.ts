// Documents of a task: rows of a file in the public schema, as JSONL, a JSON list, or Parquet. Whatever a task asks of a
// row is there in the right type, or a DataError names file, row and field.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { DataError } from "../../base/errors.ts";
import { readRows } from "../../grade/answers.ts";
import type { DataProvenance } from "./task.ts";

export type Fields = Readonly<Record<string, unknown>>;

export interface Row {
  readonly fields: Fields;
  /** From 1. */
  readonly number: number;
  /** "gsm8k.jsonl, row 3", for messages. */
  readonly where: string;
}

export interface Documents {
  readonly rows: readonly Row[];
  readonly provenance: DataProvenance;
}

export async function readDocuments(file: string): Promise<Documents> {
  const values = await valuesOf(file);
  const rows = values.map((value, at) => rowOf(value, { number: at + 1, where: `${file}, row ${at + 1}` }));
  if (rows.length === 0) throw new DataError(`${file} has no rows; give a file with one document at least`);
  const sha256 = createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
  return { rows, provenance: { source: basename(file), rows: rows.length, sha256 } };
}

/** Rows that are no file's: written in a task, or made. */
export const rowsOf = (name: string, values: readonly Fields[]): Row[] =>
  values.map((fields, at) => ({ fields, number: at + 1, where: `${name}, row ${at + 1}` }));

async function valuesOf(file: string): Promise<readonly unknown[]> {
  if (/\.parquet$/i.test(file)) return parquetRows(file);
  if (!/\.json$/i.test(file)) return readRows(file).rows;
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException;
    const problem = code === "ENOENT" ? "does not exist" : `cannot be read (${code})`;
    throw new DataError(`${file} ${problem}; give a JSONL, JSON or Parquet file`, { file }, { cause });
  });
  // Some data sets call lines of JSON "x.json".
  if (!/^\s*\[/.test(text)) return readRows(file).rows;
  try {
    return JSON.parse(text) as unknown[];
  } catch (cause) {
    throw new DataError(`${file} is no JSON: ${(cause as Error).message}`, { file }, { cause });
  }
}

async function parquetRows(file: string): Promise<readonly unknown[]> {
  const { parquetReadObjects } = await import("hyparquet");
  const bytes = await readFile(file).catch((cause: unknown) => {
    const { code } = cause as NodeJS.ErrnoException;
    const problem = code === "ENOENT" ? "does not exist" : `cannot be read (${code})`;
    throw new DataError(`${file} ${problem}; give a JSONL, JSON or Parquet file`, { file }, { cause });
  });
  const { buffer, byteOffset, byteLength } = bytes;
  try {
    const rows = await parquetReadObjects({ file: buffer.slice(byteOffset, byteOffset + byteLength) });
    return rows.map(plainNumbers);
  } catch (cause) {
    const message = `${file} cannot be read as Parquet (${(cause as Error).message}); fetch it again, or export it as JSONL`;
    throw new DataError(message, { file }, { cause });
  }
}

/** Parquet's 64-bit integers as numbers, however deep they stand. */
function plainNumbers(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plainNumbers);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plainNumbers(one)]));
}

function rowOf(value: unknown, place: Omit<Row, "fields">): Row {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return { fields: value as Fields, ...place };
  }
  throw new DataError(`${place.where} is no JSON object`, { row: place.number });
}

/** The first of these fields that the row has; several where data sets name one thing differently. */
export function textField(row: Row, ...names: readonly [string, ...string[]]): string {
  const value = field(row, names);
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw wrongField(row, names, value, "a text");
}

export function textsField(row: Row, ...names: readonly [string, ...string[]]): string[] {
  const value = field(row, names);
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
  throw wrongField(row, names, value, "a list of texts");
}

/** A whole number, or its digits. */
export function integerField(row: Row, ...names: readonly [string, ...string[]]): number {
  const value = field(row, names);
  const number = typeof value === "string" && /^\s*-?\d+\s*$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number)) return number;
  throw wrongField(row, names, value, "a whole number");
}

export const hasField = ({ fields }: Row, name: string): boolean =>
  fields[name] !== undefined && fields[name] !== null;

function field(row: Row, names: readonly string[]): unknown {
  const name = names.find((one) => hasField(row, one));
  if (name !== undefined) return row.fields[name];
  const others = Object.keys(row.fields);
  const has = others.length === 0 ? "it is empty" : `it has ${others.slice(0, 12).join(", ")}`;
  throw new DataError(`${row.where} has no ${names.join(" or ")}; ${has}`, {
    ...{ row: row.number, field: names[0] },
  });
}

export function wrongField(row: Row, names: readonly string[], value: unknown, wanted: string): DataError {
  const shown = (JSON.stringify(value) ?? String(value)).slice(0, 80);
  return new DataError(`${row.where}: ${names.join(" or ")} is ${shown}; ${wanted} is needed`, {
    ...{ row: row.number, field: names[0] },
  });
}
