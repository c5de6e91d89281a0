// Documents of a task: rows of a file in the public schema, as JSONL, a JSON list, or Parquet. Whatever a task asks of a
// row is there in the right type, or a DataError names file, row and field.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { DataError } from "../../base/errors.ts";
import { jsonRows } from "../../data/json-rows.ts";
import { parquetFile, parquetRows } from "../../data/parquet-rows.ts";
import type { Row as DataRow } from "../../data/row.ts";
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
  const rows = await readRows(file, file);
  return {
    rows,
    provenance: { source: basename(file), rows: rows.length, sha256: await hashOf(file) },
  };
}

/** `name` stands for the file in messages. */
export async function readRows(file: string, name: string): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const read of rowsIn(file, name)) {
    const number = rows.length + 1;
    if ("problem" in read) throw new DataError(`${read.place}: ${read.problem}`, { file, row: number });
    rows.push({ fields: read.fields, number, where: `${name}, row ${number}` });
  }
  if (rows.length > 0) return rows;
  throw new DataError(`${name} has no rows; give a file with one document at least`, { file });
}

async function* rowsIn(file: string, name: string): AsyncGenerator<DataRow> {
  if (!/\.parquet$/i.test(file)) {
    yield* jsonRows(file, { name });
    return;
  }
  const { columns } = await parquetFile(file, name);
  yield* parquetRows(file, { name, columns });
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  return hash.digest("hex");
}

/** Rows that are no file's: written in a task, or made. */
export const rowsOf = (name: string, values: readonly Fields[]): Row[] =>
  values.map((fields, at) => ({ fields, number: at + 1, where: `${name}, row ${at + 1}` }));

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
