// Lines {"gold", "response"}: one result a line, in order. A line that lacks a field is the file's mistake and says
// which; an answer that cannot be read is wrong and counted, never dropped.

import { readFileSync } from "node:fs";
import { DataError } from "../base/errors.ts";
import type { Judge, Result } from "./mathematics.ts";

/** Rows of a JSONL file, already parsed; the name is for messages, rows are counted from 1. */
export interface AnswerRows {
  readonly file: string;
  readonly rows: readonly unknown[];
}

export interface AnswerGrades {
  readonly results: Pick<Result, "correct" | "extracted" | "reason">[];
  readonly totals: {
    readonly count: number;
    readonly correct: number;
    readonly accuracy: number;
    /** Answers that were not found or could not be read. */
    readonly unparsed: number;
  };
}

export function gradeLines({ file, rows }: AnswerRows, judge: Judge): AnswerGrades {
  const all = rows.map((row, at) => {
    const where = `${file}, row ${at + 1}`;
    const [gold, response] = [textField(row, "gold", where), textField(row, "response", where)];
    const result = judge({ gold, response });
    if (result !== undefined) return result;
    throw new DataError(`${where}: gold is ${JSON.stringify(gold)}, which is no answer of this task`, {
      file,
      row: at + 1,
    });
  });
  const correct = all.filter((result) => result.correct).length;
  const unparsed = all.filter((result) => result.unparsed).length;
  return {
    results: all.map(({ correct, extracted, reason }) => ({ correct, extracted, reason })),
    totals: { count: all.length, correct, accuracy: all.length === 0 ? 0 : correct / all.length, unparsed },
  };
}

function textField(row: unknown, field: "gold" | "response", where: string): string {
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    throw new DataError(`${where} is no JSON object; give lines such as {"gold": "5", "response": "… 5"}`);
  }
  const value = (row as Record<string, unknown>)[field];
  if (typeof value === "string") return value;
  // Data sets write whole numbers without quotes too.
  if (field === "gold" && typeof value === "number" && Number.isFinite(value)) return String(value);
  const problem = value === undefined ? `has no ${field}` : `has a ${field} that is no text`;
  throw new DataError(`${where} ${problem}; lines are {"gold": "5", "response": "… 5"}`, { where, field });
}

/** Every line of a JSONL file; a line that is no JSON is named. Empty lines at the end are no lines. */
export function readRows(file: string): AnswerRows {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const problem =
      code === "ENOENT" ? "does not exist" : code === "EISDIR" ? "is a folder" : "cannot be read";
    throw new DataError(`${file} ${problem}; give a JSONL file`, { file }, { cause: error });
  }
  const lines = text
    .replace(/^\uFEFF/, "")
    .replace(/\s+$/, "")
    .split(/\r?\n/);
  if (lines.length === 1 && lines[0] === "")
    throw new DataError(`${file} is empty; give a JSONL file`, { file });
  return { file, rows: lines.map((line, at) => parsedLine(line, `${file}, row ${at + 1}`)) };
}

function parsedLine(line: string, where: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch (error) {
    throw new DataError(`${where} is no JSON: ${(error as Error).message}`, { where }, { cause: error });
  }
}
