// Files of curves: task → method → points, in YAML (JSON is YAML too). Three layouts are read:
//
//   GSM8K-CoT:                        tasks:                          datasets:
//     LLaDA:                            GSM8K-CoT:                      data_llada:
//     - [1.0, 72.55]                      y_max: 80                       GSM8K-CoT:
//     - [2.77, 74.68]                     methods:                          methods: …
//                                           LLaDA: …
//   (d3LLM's leaderboard files)       (with an own y_max)             (several data sets in one file)
//
// A curve is a list of [tokens per forward, accuracy] or of {tpf, accuracy, verdicts}, or one object of such lists.
// `rho` and `parallelism` are other names of `tpf`. `verdicts` are the answers, question by question, right (1, true)
// or wrong. What is wrong with the file as a whole throws; what is wrong with the numbers of one method is kept as its
// problem, and the other methods have their scores.

import { parseDocument } from "yaml";
import { z } from "zod";
import { DataError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import type { CurvePoint } from "./aup.ts";
import { accuracyOf } from "./bootstrap.ts";

export interface FileMethod {
  readonly name: string;
  readonly points: readonly (CurvePoint & { readonly verdicts?: readonly boolean[] | undefined })[];
  /** The score that the file itself states. */
  readonly stated?: number | undefined;
  /** Why there is no curve. */
  readonly problem?: string | undefined;
}

export interface FileTask {
  /** Of the file, where it holds several. */
  readonly dataset?: string | undefined;
  readonly name: string;
  /** Best accuracy, if the file states it. */
  readonly best?: number | undefined;
  readonly methods: readonly FileMethod[];
}

export interface AupFile {
  readonly alpha?: number | undefined;
  readonly offset?: number | undefined;
  readonly tasks: readonly FileTask[];
}

type Group = Record<string, unknown>;

/** Where something stands, for messages: file, then keys. */
type Place = readonly string[];

const settings = { alpha: z.number().nonnegative(), offset: z.number().nonnegative() };
/** What a file may say of itself. */
const remarks = [
  ...["name", "case", "set", "title", "reference", "provenance", "tolerance", "patches", "notes"],
  ...["seed", "resamples", "averages"],
];
const head = ["arguments", ...remarks];

/** Reads one file's text. Throws a DataError that names the file and the place. */
export function parseAupFile(text: string, file: string): AupFile {
  const root = group(readYaml(text, file), [file]);
  const layout = (["datasets", "tasks"] as const).find((key) => Object.hasOwn(root, key));
  if (layout === undefined) return { tasks: tasksOf(root, [file]) };
  onlyKeys(root, [layout, ...head], [file]);
  const inner = group(root[layout], [file, layout]);
  const tasks =
    layout === "tasks"
      ? tasksOf(inner, [file, layout])
      : Object.entries(inner).flatMap(([dataset, value]) => {
          const at = [file, layout, dataset];
          return tasksOf(group(value, at), at).map((task) => ({ ...task, dataset }));
        });
  return { ...argumentsOf(root.arguments, [file, "arguments"]), tasks };
}

function readYaml(text: string, file: string): unknown {
  const document = parseDocument(text, { prettyErrors: true });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const line = problem.linePos === undefined ? "" : `, line ${problem.linePos[0].line}`;
    const [reason] = problem.message.split(/ at line |\n/);
    throw new DataError(`${file}${line}: not valid YAML (${reason}); correct that line`, { file });
  }
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(`${file}: not usable YAML (${reason}); write the values out`, { file }, { cause });
  }
}

function argumentsOf(value: unknown, at: Place): Pick<AupFile, "alpha" | "offset"> {
  if (value === undefined) return {};
  const given = group(value, at);
  onlyKeys(given, ["alpha", "offset", "y_min_offset", "y_max"], at);
  if (typeof given.y_max === "number") {
    throw new DataError(`${place(at)}: y_max belongs to one task; write it beside the task's methods`);
  }
  const read = (key: string, schema: z.ZodType<number>) =>
    given[key] === undefined ? undefined : number(given[key], schema, [...at, key]);
  return {
    alpha: read("alpha", settings.alpha),
    offset: read("offset", settings.offset) ?? read("y_min_offset", settings.offset),
  };
}

function tasksOf(tasks: Group, at: Place): FileTask[] {
  const found = Object.entries(tasks).map(([name, value]) => taskOf(name, group(value, [...at, name]), at));
  if (found.length === 0) throw new DataError(`${place(at)}: holds no task; write task, method and points`);
  return found;
}

function taskOf(name: string, value: Group, above: Place): FileTask {
  const at = [...above, name];
  const wrapped = Object.hasOwn(value, "methods") || Object.hasOwn(value, "y_max");
  if (wrapped) onlyKeys(value, ["y_max", "methods"], at);
  const methods = wrapped ? group(value.methods, [...at, "methods"]) : value;
  const inside = wrapped ? [...at, "methods"] : at;
  const found = Object.entries(methods).map(([method, curve]) => methodOf(method, curve, inside));
  if (found.length === 0) throw new DataError(`${place(at)}: holds no method; write method and points`);
  const best = value.y_max === undefined || !wrapped ? undefined : value.y_max;
  const range = z.number().positive().max(100);
  return {
    name,
    best: best === undefined ? undefined : number(best, range, [...at, "y_max"]),
    methods: found,
  };
}

const verdictNames = ["verdicts"];
const parallelismNames = ["tpf", "parallelism", "rho"];
/** What `unmask aup --json` writes beside a curve, so that its output can be read again. */
const outcomes = ["aup", "weight", "error", "warnings", "intervals"];

const verdict = z.union([
  z.boolean(),
  z.literal(0).transform(() => false),
  z.literal(1).transform(() => true),
]);
const curve = z.object({
  parallelism: z.array(z.number()),
  accuracy: z.array(z.number()).optional(),
  verdicts: z.array(z.array(verdict)).optional(),
});

function methodOf(name: string, value: unknown, above: Place): FileMethod {
  const at = [...above, name];
  const lists = Array.isArray(value) ? listsOf(value, at) : listsOfObject(group(value, at), at);
  const stated = !Array.isArray(value) && typeof (value as Group).aup === "number";
  const parsed = curve.safeParse(lists);
  const shared = { name, stated: stated ? ((value as Group).aup as number) : undefined };
  if (!parsed.success) return { ...shared, points: [], problem: explain(parsed.error.issues[0]!, lists) };
  try {
    return { ...shared, points: joined(parsed.data) };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { ...shared, points: [], problem: error.message };
  }
}

function listsOfObject(value: Group, at: Place): Group {
  onlyKeys(value, [...parallelismNames, "accuracy", ...verdictNames, ...outcomes], at);
  return withoutMissing({
    parallelism: parallelismOf(value, at),
    accuracy: value.accuracy,
    verdicts: value.verdicts,
  });
}

/** Points one by one become lists. */
function listsOf(points: readonly unknown[], at: Place): Group {
  const rows = points.map((point, i): Group => {
    const here = [...at, String(i)];
    if (Array.isArray(point)) {
      if (point.length === 2) return { parallelism: point[0], accuracy: point[1] };
      throw new DataError(`${place(here)}: is ${show(point)}; write [tokens per forward, accuracy]`);
    }
    const object = group(point, here);
    onlyKeys(object, [...parallelismNames, "accuracy", ...verdictNames], here);
    return { ...object, parallelism: parallelismOf(object, here) };
  });
  const column = (key: string) =>
    rows.some((row) => row[key] !== undefined) ? rows.map((row) => row[key]) : undefined;
  return withoutMissing({
    parallelism: rows.map(({ parallelism }) => parallelism),
    accuracy: column("accuracy"),
    verdicts: column("verdicts"),
  });
}

function parallelismOf(value: Group, at: Place): unknown {
  const given = parallelismNames.filter((key) => value[key] !== undefined);
  if (given.length === 1) return value[given[0]!];
  const found = given.length === 0 ? "none of them is there" : `${given.join(" and ")} are both there`;
  throw new DataError(`${place(at)}: give one of ${parallelismNames.join(", ")} (${found})`);
}

const withoutMissing = (value: Group): Group =>
  Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined));

/** How far a rounded accuracy may lie from its verdicts, in percentage points. */
const rounding = 0.051;

function joined({ parallelism, accuracy, verdicts }: z.infer<typeof curve>): FileMethod["points"] {
  if (parallelism.length === 0) return []; // an empty list has no columns; the score says that it is empty
  for (const [name, list] of Object.entries({ accuracy, verdicts })) {
    if (list === undefined || list.length === parallelism.length) continue;
    const points = parallelism.length === 1 ? "1 parallelism" : `${parallelism.length} parallelisms`;
    throw new DataError(`${list.length} values of ${name} for ${points}; give one a point`);
  }
  if (accuracy === undefined && verdicts === undefined) {
    throw new DataError("the accuracy is missing; give accuracy, per cent, or verdicts");
  }
  return parallelism.map((place, i) => {
    const answers = verdicts?.[i];
    const given = accuracy?.[i];
    if (answers === undefined) return { parallelism: place, accuracy: given! };
    if (answers.length === 0) throw new DataError("a list of verdicts is empty; give one a question");
    const exact = accuracyOf(answers);
    if (given !== undefined && Math.abs(given - exact) > rounding) {
      throw new DataError(`an accuracy is ${given} %, its verdicts say ${exact.toFixed(2)} %; correct one`);
    }
    return { parallelism: place, accuracy: exact, verdicts: answers };
  });
}

function explain(issue: z.core.$ZodIssue, lists: unknown): string {
  const found = issue.path.reduce<unknown>((value, key) => (value as Group)?.[String(key)], lists);
  const [name, ...rest] = issue.path.map(String);
  const index = rest.map((key) => `[${key}]`).join("");
  const wanted = name === "verdicts" ? "lists of 0 and 1, one a point" : "a list of numbers";
  const expected = rest.length === 0 ? wanted : name === "verdicts" ? "0 or 1" : "a number";
  return `${name}${index} is ${show(found)}; expected ${expected}`;
}

function number(value: unknown, schema: z.ZodType<number>, at: Place): number {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const range = issue?.code === "invalid_type" ? "a number" : "a number in its range";
  const where = at.at(-1) === "y_max" ? "a number above 0, at most 100" : range;
  throw new DataError(`${place(at)}: is ${show(value)}; expected ${where}`);
}

function group(value: unknown, at: Place): Group {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Group;
  throw new DataError(
    `${place(at)}: is ${show(value)}; expected keys: tasks, in them methods, in them points`,
  );
}

function onlyKeys(value: Group, known: readonly string[], at: Place): void {
  const key = Object.keys(value).find((one) => !known.includes(one));
  if (key === undefined) return;
  const hint = didYouMean(key, known) || `; the keys here are ${known.join(", ")}`;
  throw new DataError(`${place(at)}: unknown key "${key}"${hint}`, { key });
}

const place = ([file, ...keys]: Place): string => [file, keys.join(" › ")].filter(Boolean).join(": ");

const show = (value: unknown): string => {
  if (typeof value === "number") return String(value);
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
};
