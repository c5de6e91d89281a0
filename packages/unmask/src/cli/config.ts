// One run, one configuration: built-in values, under a YAML file, under flags, under dotted overrides
// (`train.steps=100`), checked by a Zod schema. Later layers win.
//
// - A key that the schema does not know is refused with the nearest one and its full path.
// - An override's value is read as YAML; where the schema wants a text, `data.path=2024` stays a text.
// - An empty value (`train.minutes=`, or null in the file) means "not set": the default holds. There is no null.
// - `changes` lists what flags and overrides changed, as `train.steps: 5000 -> 100`; what equals the layer below is no change.
// - A group that the file leaves empty (`train:` alone) is an empty group.

import { readFileSync, statSync } from "node:fs";
import { parseDocument, stringify } from "yaml";
import type { z } from "zod";
import { ConfigError } from "../base/errors.ts";
import { merge, type Values, valueAt, withoutNulls, withValue } from "./config-values.ts";
import { neighbourHint } from "./paths.ts";
import {
  defaultOf,
  describeExpected,
  findNode,
  groupDefaults,
  groupOf,
  isRecord,
  isRequired,
  leaves,
  nearestKey,
  type SchemaNode,
  schemaTree,
} from "./schema-tree.ts";

export interface ConfigSources {
  /** Values below the file's, such as defaults that depend on the data. */
  readonly base?: Readonly<Record<string, unknown>> | undefined;
  /** YAML file. */
  readonly file?: string | undefined;
  /** Values of command-line flags by dotted path, above the file; undefined is no value. */
  readonly flags?: Readonly<Record<string, unknown>> | undefined;
  /** `path=value`, in order; the last one wins. */
  readonly overrides?: readonly string[] | undefined;
}

export interface ResolvedConfig<T> {
  readonly config: T;
  readonly changes: readonly string[];
}

interface Override {
  readonly path: readonly string[];
  readonly value: unknown;
}

export function resolveConfig<S extends z.ZodType>(
  schema: S,
  { base = {}, file, flags = {}, overrides = [] }: ConfigSources,
): ResolvedConfig<z.infer<S>> {
  const tree = schemaTree(schema);
  const start = merge(groupDefaults(tree), base);
  const below = file === undefined ? start : merge(start, readConfigFile(file, tree));
  const given = Object.entries(flags).flatMap(([path, value]) =>
    value === undefined ? [] : [{ path: path.split("."), value }],
  );
  const parsed = [...given, ...overrides.map((source) => parseOverride(source, tree))];
  const values = parsed.reduce(
    (current, { path, value }) => withValue(current, path, value),
    below as Values,
  );
  const result = schema.safeParse(values);
  if (!result.success) throw explainIssues(result.error.issues, { tree, values, file, overrides: parsed });
  return { config: result.data, changes: changesOf(tree, below, values, parsed) };
}

/** True for a positional argument of the form `some.key=value`. */
export function isOverride(argument: string): boolean {
  return /^[A-Za-z_][\w-]*(\.[\w-]*)*=/.test(argument);
}

/** One value of a file without checking the rest (the run folder must be known before the rest is read). */
export function peek(file: string, key: string, schema: z.ZodType): unknown {
  return readConfigFile(file, schemaTree(schema))[key];
}

/** The configuration as YAML, with a comment on top. */
export function configText(config: unknown, comment: string): string {
  return `# ${comment}\n${stringify(config)}`;
}

/** A line a key, for `--help`. */
export function describeKeys(schema: z.ZodType): string {
  const tree = schemaTree(schema);
  const rows = leaves(tree).map(({ path, node }) => {
    const preset = defaultOf(tree, path.split("."));
    const about = node.description === undefined ? "" : `${node.description}: `;
    const end = preset === undefined ? "" : ` (default ${JSON.stringify(preset)})`;
    return [path, `${about}${describeExpected(node)}${end}`] as const;
  });
  const width = Math.max(...rows.map(([path]) => path.length));
  return rows.map(([path, text]) => `  ${path.padEnd(width)}  ${text}`).join("\n");
}

function readConfigFile(file: string, tree: SchemaNode): Values {
  const values = readConfig(file);
  refuseUnknown(tree, values, [], `${file}: `);
  return withoutNulls(values);
}

/** What pipes gave, by their path: they can be read once, and a configuration is looked at twice. */
const pipes = new Map<string, string>();

function textOf(file: string): string {
  const text = pipes.get(file) ?? readFileSync(file, "utf8");
  if (!statSync(file).isFile()) pipes.set(file, text);
  return text;
}

/** The keys of a YAML file, unchecked. Throws a ConfigError for a file without keys. */
export function readConfig(file: string): Values {
  let text: string;
  try {
    text = textOf(file);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown reason";
    const what = code === "ENOENT" ? `does not exist${neighbourHint(file)}` : `cannot be read (${code})`;
    throw new ConfigError(`${file} ${what}; give a YAML file or key=value`, { file }, { cause });
  }
  const document = parseDocument(text, { prettyErrors: true });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const where = problem.linePos === undefined ? "" : `, line ${problem.linePos[0].line}`;
    const reason = problem.message.split(/ at line |\n/)[0];
    throw new ConfigError(`${file}${where}: not valid YAML (${reason}); correct that line`, { file });
  }
  const values = toValues(document, file);
  if (values === null || values === undefined) return {};
  if (!isRecord(values)) {
    const message = `${file} holds ${show(values)}, not keys; write for example "train:" and below it "  steps: 100"`;
    throw new ConfigError(message, { file });
  }
  return values;
}

function toValues(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`${file}: not usable YAML (${reason}); write the values out`, { file }, { cause });
  }
}

function refuseUnknown(tree: SchemaNode, values: Values, group: readonly string[], where: string): void {
  for (const [key, value] of Object.entries(values)) {
    const path = [...group, key];
    const node = findNode(tree, path);
    if (node === undefined) throw unknownKey(tree, path, where);
    if (isRecord(value) && groupOf(node) !== undefined) refuseUnknown(tree, value, path, where);
    if (Array.isArray(value) && groupOf(node.items) !== undefined) refuseInEntries(tree, value, path, where);
  }
}

function refuseInEntries(tree: SchemaNode, list: readonly unknown[], path: readonly string[], where: string) {
  for (const [at, entry] of list.entries()) {
    if (isRecord(entry)) refuseUnknown(tree, entry, [...path, String(at)], where);
  }
}

function unknownKey(tree: SchemaNode, path: readonly string[], where: string): ConfigError {
  const found = nearestKey(tree, path);
  const group = groupOf(findNode(tree, path.slice(0, -1)));
  const keys = Object.keys(group?.properties ?? tree.properties ?? {});
  const hint = found === undefined ? `; the keys here are ${keys.join(", ")}` : ` (did you mean "${found}"?)`;
  const key = path.join(".");
  return new ConfigError(`${where}unknown key "${key}"${hint}`, { key, nearest: found });
}

function parseOverride(source: string, tree: SchemaNode): Override {
  const equals = source.indexOf("=");
  const path = source.slice(0, equals).split(".");
  const raw = source.slice(equals + 1);
  const node = findNode(tree, path);
  if (equals < 1 || node === undefined) throw unknownKey(tree, path, "");
  const value = parseValue(raw);
  if (isRecord(value) && groupOf(node) !== undefined) refuseUnknown(tree, value, path, "");
  if (Array.isArray(value) && groupOf(node.items) !== undefined) refuseInEntries(tree, value, path, "");
  return { path, value: wantsText(node, value) && typeof value !== "string" && raw !== "" ? raw : value };
}

/** A value that YAML cannot read is text. */
function parseValue(raw: string): unknown {
  const document = parseDocument(raw);
  if (document.errors.length > 0) return raw;
  try {
    return document.toJS() as unknown;
  } catch {
    // "*.jsonl" is an alias of nothing.
    return raw;
  }
}

const isText = (node: SchemaNode): boolean => node.type === "string" && node.enum === undefined;

/** Whether a text is wanted where YAML reads this value; or a text or a list, and it is no list. */
function wantsText(node: SchemaNode, value: unknown): boolean {
  const { anyOf = [] } = node;
  const orList = anyOf.some(isText) && anyOf.every((one) => isText(one) || one.type === "array");
  return isText(node) || (orList && !Array.isArray(value));
}

function changesOf(
  tree: SchemaNode,
  below: Values,
  values: Values,
  overrides: readonly Override[],
): string[] {
  const paths = [...new Set(overrides.map(({ path }) => path.join(".")))];
  return paths.flatMap((dotted) => {
    const path = dotted.split(".");
    const before = valueAt(below, path) ?? defaultOf(tree, path);
    const after = valueAt(values, path) ?? defaultOf(tree, path);
    const required = before === undefined && isRequired(tree, path); // its first value is no change
    const same = required || JSON.stringify(before) === JSON.stringify(after);
    return same ? [] : [`${dotted}: ${plain(before)} -> ${plain(after)}`];
  });
}

const plain = (value: unknown): string =>
  value === undefined ? "not set" : typeof value === "string" ? value : JSON.stringify(value);

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
};

interface Context {
  readonly tree: SchemaNode;
  readonly values: Values;
  readonly file: string | undefined;
  readonly overrides: readonly Override[];
}

/** The first problem in one sentence, and how many there are besides. */
function explainIssues(issues: readonly z.core.$ZodIssue[], context: Context): ConfigError {
  const issue = issues[0] === undefined ? undefined : innermost(issues[0]);
  const path = (issue?.path ?? []).map(String);
  const key = path.join(".");
  const node = findNode(context.tree, path);
  const got = valueAt(context.values, path);
  if (issue?.code === "custom") {
    return new ConfigError(`${origin(path, context)}${key === "" ? "" : `${key}: `}${issue.message}`, {
      key,
    });
  }
  const expected = node === undefined ? (issue?.message ?? "another value") : describeExpected(node);
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  const about = node?.description === undefined ? "" : ` (${node.description})`;
  const found =
    got === undefined
      ? `"${key}" is missing; give ${key}=..., ${expected}${about}`
      : `${key} is ${show(got)}; expected ${expected}`;
  return new ConfigError(`${origin(path, context)}${found}${more}`, { key, value: got });
}

/** Where a name or a group is expected and a group is there, what is wrong in the group. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  const inside = issue.errors.flat().filter(({ path }) => path.length > 0);
  return inside[0] === undefined
    ? issue
    : innermost({ ...inside[0], path: [...issue.path, ...inside[0].path] });
}

/** Who is to blame: an override names itself, so only values of the file need its name. */
function origin(path: readonly string[], { file, overrides }: Context): string {
  const overridden = overrides.some((one) => one.path.every((key, index) => path[index] === key));
  if (file === undefined || overridden) return "";
  return `${file}: `;
}
