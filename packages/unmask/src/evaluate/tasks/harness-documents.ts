// A document's text, target and choices, as the fields of a task file say: a column's name, a Jinja template, or the value
// itself. Rules: EleutherAI/lm-evaluation-harness 4e7e0d4 (MIT), lm_eval/api/task.py, doc_to_text and its kin.

import { DataError, UnsupportedError } from "../../base/errors.ts";
import type { Fields, Row } from "./documents.ts";
import { compileHarnessTemplate } from "./harness-template.ts";
import { literalEval, pythonString } from "./python-literal.ts";

/** A row and nothing else: templates read its fields. */
export type HarnessDocument = Row;

export type Target = string | number | readonly (string | number)[];

/** A column's value or a template's text. */
function reader(setting: string, source: string): (fields: Fields) => unknown {
  const isTemplate = /\{[{%#]/.test(setting);
  const render = compileHarnessTemplate(setting, source);
  return (fields) => (!isTemplate && Object.hasOwn(fields, setting) ? fields[setting] : render(fields));
}

export function textReader(setting: string, source: string): (document: HarnessDocument) => string {
  const read = reader(setting, source);
  return ({ fields, where }) => placed(where, () => pythonString(read(fields)));
}

/** Digits are a choice's number where there are choices; "[…]" is a list. */
export function targetReader(
  setting: Target,
  { source, hasChoices }: { readonly source: string; readonly hasChoices: boolean },
): (document: HarnessDocument) => Target {
  if (typeof setting !== "string") return () => setting;
  const read = reader(setting, source);
  return ({ fields, where }) =>
    placed(where, () => {
      const value = read(fields);
      if (typeof value !== "string") return column(value);
      if (Object.hasOwn(fields, setting) && fields[setting] === value) return value;
      if (hasChoices && /^\d+$/.test(value)) return Number(value);
      return /^\[.*\]$/s.test(value) ? listed(value) : value;
    });
}

function column(value: unknown): Target {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return Number(value);
  if (Array.isArray(value) && value.every((one) => typeof one === "string" || typeof one === "number")) {
    return value;
  }
  return pythonString(value);
}

/** A list where it is one; else the text. */
function listed(text: string): Target {
  try {
    return column(literalEval(text));
  } catch {
    return text;
  }
}

type Choices = string | readonly unknown[] | Readonly<Record<string, unknown>>;

export function choicesReader(
  setting: Choices,
  source: string,
): (document: HarnessDocument) => readonly string[] {
  if (typeof setting !== "string") {
    const fixed = Object.values(setting).map(pythonString);
    return () => fixed;
  }
  const read = reader(setting, source);
  return ({ fields, where }) =>
    placed(where, () => {
      const value = read(fields);
      const list = typeof value === "string" ? parsed(value, source) : value;
      if (Array.isArray(list)) return list.map(pythonString);
      throw new DataError(`${source} gives ${pythonString(list).slice(0, 80)}; a list is needed`);
    });
}

function parsed(text: string, source: string): unknown {
  try {
    return literalEval(text);
  } catch (cause) {
    throw new DataError(`${source}: ${(cause as Error).message}; a list is needed`, {}, { cause });
  }
}

/** Errors of a template say which row it was given. */
function placed<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    throw new DataError(`${where}: ${cause.message}`, cause.data, { cause });
  }
}

/** Index of the right choice, of several where any counts. */
export function goldOf(target: Target, choices: readonly string[]): number[] {
  const all = typeof target === "object" ? target : [target];
  return all.map((one) => (typeof one === "number" ? one : choices.indexOf(one)));
}

export function refuseQuestionIndex(setting: string | number, file: string): asserts setting is string {
  if (typeof setting === "string") return;
  throw new UnsupportedError(
    `${file}: doc_to_text is a number, which puts the choices into the question; write such a task as a TypeScript file`,
    { file },
  );
}
