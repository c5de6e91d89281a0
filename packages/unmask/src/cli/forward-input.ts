// The input of `unmask forward`: JSON, checked in itself and against the model, one sentence for whatever is wrong.

import { readFileSync } from "node:fs";
import { DataError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import type { ForwardInput } from "../models/family.ts";
import type { ModelDescription } from "../models/open.ts";
import { neighbourHint } from "./paths.ts";

export interface ForwardRows {
  readonly rows: number;
  readonly length: number;
  /** Row after row. */
  readonly ids: Int32Array;
  /** 1 for real tokens. */
  readonly padding?: Uint8Array | undefined;
  readonly positions?: Int32Array | undefined;
  readonly sigma?: Float32Array | undefined;
}

const keys = ["ids", "attention_mask", "position_ids", "sigma"];

/** Reads a file and checks what can be checked without a model. Throws a DataError. */
export function readForwardInput(path: string): ForwardRows {
  const object = readObject(path);
  for (const key of Object.keys(object)) {
    if (keys.includes(key)) continue;
    const hint = key === "input_ids" ? ' (did you mean "ids"?)' : didYouMean(key, keys);
    throw new DataError(`${path}: unknown key ${show(key)}${hint}; known are ${keys.join(", ")}`);
  }
  const table = (key: string, rule: Rule) => integers(path, key, { value: object[key], rule });
  if (object.ids === undefined) throw new DataError(`${path}: has no "ids"; give {"ids": [[1, 2], [3, 4]]}`);
  const { values: ids, rows, length } = table("ids", { least: 0, what: "token ids, whole numbers from 0" });
  const size = { rows, length };
  const optional = (key: string, rule: Rule): Int32Array | undefined => {
    if (object[key] === undefined || object[key] === null) return undefined;
    return sameShape(path, key, { table: table(key, rule), size });
  };
  const mask = optional("attention_mask", { least: 0, most: 1, what: "0 and 1" });
  const positions = optional("position_ids", { least: 0, what: "whole numbers from 0" });
  if (mask !== undefined) refuseEmptyRows(path, mask, size);
  return {
    ...{ rows, length, ids, positions },
    padding: mask === undefined ? undefined : Uint8Array.from(mask),
    sigma: noiseLevels(path, object.sigma, rows),
  };
}

function readObject(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message =
      code === "ENOENT"
        ? `${path} does not exist${neighbourHint(path)}; give a JSON file with --input`
        : `${path} cannot be read (${code}); give a JSON file with --input`;
    throw new DataError(message, {}, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const [reason] = (cause as Error).message.split("\n");
    throw new DataError(`${path}: is not JSON (${reason}); give {"ids": [[1, 2], [3, 4]]}`, {}, { cause });
  }
  if (value !== null && typeof value === "object" && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new DataError(`${path}: is ${show(value)}, expected an object such as {"ids": [[1, 2], [3, 4]]}`);
}

interface Rule {
  readonly least: number;
  readonly most?: number;
  readonly what: string;
}

interface Table {
  readonly rows: number;
  readonly length: number;
  readonly values: Int32Array;
}

const largest = 2 ** 31 - 1;

/** Lists of whole numbers, all as long as the first. */
function integers(path: string, key: string, { value, rule }: { value: unknown; rule: Rule }): Table {
  const { least, most = largest, what } = rule;
  if (!Array.isArray(value) || value.length === 0 || !value.every(Array.isArray)) {
    throw new DataError(
      `${path}: ${key} is ${show(value)}, expected a list of rows such as [[1, 2], [3, 4]], also for one row`,
    );
  }
  const lists = value as unknown[][];
  const length = lists[0]!.length;
  if (length === 0) throw new DataError(`${path}: row 0 of ${key} is empty; give at least one token`);
  const values = new Int32Array(lists.length * length);
  for (const [row, list] of lists.entries()) {
    if (list.length !== length) {
      throw new DataError(
        `${path}: row ${row} of ${key} has ${list.length} numbers, row 0 has ${length}; pad the rows to one length and mark the padding in attention_mask`,
      );
    }
    for (const [column, number] of list.entries()) {
      const valid = Number.isSafeInteger(number) && (number as number) >= least && (number as number) <= most;
      if (!valid)
        throw new DataError(
          `${path}: ${key} is ${show(number)} in row ${row}, column ${column}; expected ${what}`,
        );
      values[row * length + column] = number as number;
    }
  }
  return { rows: lists.length, length, values };
}

function sameShape(
  path: string,
  key: string,
  { table, size }: { table: Table; size: { rows: number; length: number } },
): Int32Array {
  if (table.rows === size.rows && table.length === size.length) return table.values;
  throw new DataError(
    `${path}: ${key} has ${table.rows} rows of ${table.length}, ids has ${size.rows} rows of ${size.length}; give one number a token`,
  );
}

function refuseEmptyRows(path: string, mask: Int32Array, { rows, length }: Pick<Table, "rows" | "length">) {
  for (let row = 0; row < rows; row++) {
    if (mask.subarray(row * length, (row + 1) * length).includes(1)) continue;
    throw new DataError(`${path}: row ${row} of attention_mask has no 1; every row needs a real token`);
  }
}

function noiseLevels(path: string, value: unknown, rows: number): Float32Array | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || value.length !== rows) {
    const found = Array.isArray(value) ? `has ${value.length} numbers` : `is ${show(value)}`;
    throw new DataError(`${path}: sigma ${found}, ids has ${rows} rows; give one number a row`);
  }
  for (const [row, level] of value.entries()) {
    if (typeof level === "number" && level >= 0 && level <= 1e30) continue;
    throw new DataError(`${path}: sigma is ${show(level)} in row ${row}; expected a number of at least 0`);
  }
  return Float32Array.from(value as number[]);
}

/** Holds the input against the model. Throws a DataError. */
export function checkForwardInput(
  path: string,
  input: ForwardRows,
  { family, facts }: Pick<ModelDescription, "family" | "facts">,
): void {
  const { ids, length, positions, padding, sigma } = input;
  const { vocabularySize, contextLength } = facts;
  const place = (index: number) => `row ${Math.floor(index / length)}, column ${index % length}`;
  if (length > contextLength) {
    throw new DataError(
      `${path}: rows have ${length} tokens, the model's context is ${contextLength}; shorten them`,
    );
  }
  const outside = ids.findIndex((id) => id >= vocabularySize);
  if (outside !== -1) {
    throw new DataError(
      `${path}: id ${ids[outside]} in ${place(outside)} is outside the vocabulary of ${vocabularySize}; was it made by another tokenizer?`,
    );
  }
  const far = positions?.findIndex((position) => position >= contextLength) ?? -1;
  if (far !== -1) {
    throw new DataError(
      `${path}: position ${positions![far]} in ${place(far)} is outside the model's context of ${contextLength}`,
    );
  }
  const given: [ForwardInput, string, boolean][] = [
    ["padding", "attention_mask", padding?.includes(0) === true],
    ["positions", "position_ids", positions !== undefined],
    ["sigma", "sigma", sigma !== undefined],
  ];
  for (const [input, key, present] of given) {
    if (!present || family.inputs.includes(input)) continue;
    const why = input === "sigma" ? "is not told a noise level" : `takes no ${key}`;
    throw new DataError(`${path}: a ${family.name} network ${why}; leave ${key} out`);
  }
}

/** Places of real tokens from 0, and 1 for padding. */
export function positionsOfReal(padding: Uint8Array, length: number): Int32Array {
  let next = 0;
  return Int32Array.from(padding, (real, index) => {
    if (index % length === 0) next = 0;
    return real === 1 ? next++ : 1;
  });
}

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
};
