// Judging finished answers to programming tasks: lines {"task_id", "completion"} against the rows of a public data
// set. One result a line, in order; an answer without code is wrong and says so, it is never dropped.

import { DataError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { type Extraction, extractCode } from "./code-extract.ts";
import { humanEval } from "./humaneval.ts";
import { mbpp } from "./mbpp.ts";
import { openSandbox, type SandboxOptions } from "./sandbox.ts";
import type { Outcome, Program, Raised } from "./sandbox-process.ts";

export interface CodeTask {
  readonly name: string;
  readonly required: readonly string[];
  problem(row: Row): Problem;
}

export interface Problem {
  readonly id: string;
  program(completion: string, extraction: Extraction): Program & { readonly extracted: string };
}

/** A row of a data set; what is asked of it is there in the right type, or a DataError names file and row. */
export interface Row {
  text(field: string, otherwise?: string): string;
  texts(field: string): string[];
}

export const codeTasks = { humaneval: humanEval, mbpp } as const satisfies Record<string, CodeTask>;
export type CodeTaskName = keyof typeof codeTasks;

/** Rows of a JSONL file, already parsed; the name is for messages, rows are counted from 1. */
export interface Rows {
  readonly file: string;
  readonly rows: readonly unknown[];
}

export interface CodeOptions extends SandboxOptions {
  readonly extraction?: Extraction;
  readonly onResult?: (result: CodeResult, index: number) => void;
}

export interface CodeResult {
  readonly task_id: string;
  readonly correct: boolean;
  /** The code that was taken from the answer; null where there was none. */
  readonly extracted: string | null;
  /** Why it is wrong, in one line; empty where it is right. */
  readonly reason: string;
  readonly ending: Outcome["ending"] | "no code" | "too long";
}

export interface CodeGrades {
  readonly results: CodeResult[];
  readonly totals: CodeTotals;
}

export interface CodeTotals {
  readonly count: number;
  readonly correct: number;
  readonly accuracy: number;
  /** Answers without code. */
  readonly unparsed: number;
  readonly timeouts: number;
  readonly tasks: number;
  /** Mean over tasks of the share of its answers that pass; equals accuracy where all tasks have as many answers. */
  readonly pass_at_1: number;
  /** What kept the programs from this machine. */
  readonly isolation: string;
}

/** A longer completion is no answer; the interpreter's parser is not asked. */
const longest = 2 ** 20;

export async function gradeCode(
  name: CodeTaskName,
  { answers, data }: { readonly answers: Rows; readonly data: Rows },
  options: CodeOptions = {},
): Promise<CodeGrades> {
  const problems = readProblems(codeTasks[name], data);
  const items = answers.rows.map((row, at) => readAnswer(row, at, { answers, data, problems }));
  const sandbox = await openSandbox(options);
  const results = new Array<CodeResult>(items.length);
  const settle = (result: CodeResult, index: number): void => {
    results[index] = result;
    options.onResult?.(result, index);
  };
  const jobs: { readonly index: number; readonly program: Program; readonly extracted: string }[] = [];
  items.forEach(({ id, problem, completion }, index) => {
    const wrong = { task_id: id, correct: false, extracted: null };
    if (completion.length > longest) {
      settle({ ...wrong, reason: "the completion is longer than 1 MiB", ending: "too long" }, index);
      return;
    }
    const { extracted, ...program } = problem.program(completion, options.extraction ?? "auto");
    if (extracted.trim() === "")
      settle({ ...wrong, reason: "no code in the answer", ending: "no code" }, index);
    else jobs.push({ index, program, extracted });
  });
  const programs = jobs.map(({ program }) => program);
  await sandbox.runAll(programs, (outcome, at) => {
    const { index, extracted } = jobs[at]!;
    const { ending } = outcome;
    const correct = ending === "passed";
    settle({ task_id: items[index]!.id, correct, extracted, reason: reasonOf(outcome), ending }, index);
  });
  return { results, totals: totalsOf(results, sandbox.isolation) };
}

export { extractCode };

function readProblems(task: CodeTask, { file, rows }: Rows): Map<string, Problem> {
  const problems = new Map<string, Problem>();
  rows.forEach((value, at) => {
    const where = `${file}, row ${at + 1}`;
    const row = rowOf(value, where);
    for (const field of task.required) {
      if (!(field in (value as object))) {
        throw new DataError(
          `${where} has no ${field}; rows of ${task.name} have ${task.required.join(", ")}`,
          {
            ...{ file, row: at + 1, field },
          },
        );
      }
    }
    const problem = task.problem(row);
    problems.set(keyOf(problem.id), problem);
  });
  return problems;
}

/** MBPP's numbers are also written "MBPP/11" and "Mbpp/11". */
const keyOf = (id: string): string => id.replace(/^mbpp\//i, "");

interface Context {
  readonly answers: Rows;
  readonly data: Rows;
  readonly problems: ReadonlyMap<string, Problem>;
}

function readAnswer(value: unknown, at: number, { answers: { file }, data, problems }: Context) {
  const where = `${file}, row ${at + 1}`;
  const row = rowOf(value, where);
  const [id, completion] = [row.text("task_id"), row.text("completion")];
  const problem = problems.get(keyOf(id));
  if (problem !== undefined) return { id, completion, problem };
  const hint = didYouMean(id, [...problems.keys()]);
  throw new DataError(`${where}: ${data.file} has no task ${id}${hint}`, { file, row: at + 1, task_id: id });
}

function rowOf(value: unknown, where: string): Row {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DataError(`${where} is no JSON object`);
  }
  const fields = value as Record<string, unknown>;
  return {
    text(field, otherwise) {
      const found = fields[field] ?? otherwise;
      if (typeof found === "string") return found;
      if (typeof found === "number" && field === "task_id") return String(found);
      throw new DataError(`${where}: ${field} is ${shown(found)}; a string is needed`, { where, field });
    },
    texts(field) {
      const found = fields[field] ?? [];
      if (Array.isArray(found) && found.every((one) => typeof one === "string")) return found;
      throw new DataError(`${where}: ${field} is ${shown(found)}; a list of strings is needed`, {
        where,
        field,
      });
    },
  };
}

const shown = (value: unknown): string =>
  value === undefined ? "missing" : (JSON.stringify(value) ?? String(value)).slice(0, 80);

const plainReasons: Readonly<Record<Exclude<Outcome["ending"], "raised" | "exited" | "killed">, string>> = {
  passed: "",
  timeout: "timeout",
  memory: "out of memory: the limit of all its processes together",
  output: "printed more than the limit",
  disk: "wrote more files than the limit",
  processes: "started more processes than the limit",
  collapsed: "the sandbox was ended from inside",
};

export function reasonOf({ ending, raised, status }: Outcome): string {
  if (ending === "raised" && raised !== undefined) return raisedReason(raised);
  if (ending === "exited") return `exited with status ${status} before the tests ended`;
  if (ending === "killed") return `ended by signal ${status}`;
  return plainReasons[ending as keyof typeof plainReasons];
}

function raisedReason({ error, where, line, source, message }: Raised): string {
  const [said = ""] = message
    .replace(/0x[0-9a-f]{6,}/g, "0x…")
    .split("\n")
    .slice(-1); // addresses differ by run
  const place = source === "" ? "" : ` (${where === "tests" ? "tests" : "line"} ${line}: ${source})`;
  return `${error}${said === "" ? "" : `: ${said}`}${place}`.slice(0, 600);
}

function totalsOf(results: readonly CodeResult[], isolation: string): CodeTotals {
  const byTask = new Map<string, boolean[]>();
  for (const { task_id, correct } of results) byTask.set(task_id, [...(byTask.get(task_id) ?? []), correct]);
  const share = (found: readonly boolean[]): number =>
    found.length === 0 ? 0 : found.filter(Boolean).length / found.length;
  const shares = [...byTask.values()].map(share);
  const all = results.map(({ correct }) => correct);
  return {
    count: results.length,
    correct: all.filter(Boolean).length,
    accuracy: share(all),
    unparsed: results.filter(({ ending }) => ending === "no code").length,
    timeouts: results.filter(({ ending }) => ending === "timeout").length,
    tasks: byTask.size,
    pass_at_1: shares.reduce((sum, one) => sum + one, 0) / (shares.length || 1),
    isolation,
  };
}
