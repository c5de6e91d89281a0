// Jinja templates as transformers runs them: `trim_blocks` and `lstrip_blocks`, `raise_exception`, `strftime_now`,
// `tojson`. `@huggingface/jinja` parses and interprets; its tree is edited once so that `text.strip(...)` and its kin,
// and the filter `trim`, do what Python does (python-text.ts).
//
// A template that raises an exception of its own accord speaks of the messages: UsageError with its words. Every other
// failure is the template's: CheckpointError with its place and reason, never a bare TypeError.
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { CheckpointError, type ErrorData, UnmaskError, UsageError } from "../base/errors.ts";
import { callPythonMethod, formatTime, isPythonMethod } from "./python-text.ts";

export type Render = (variables: Readonly<Record<string, unknown>>) => string;

const longestRange = 100_000;

// spaces, so that no variable of a template can have the name
const helperName = (method: string): string => `python ${method}`;
const pythonMethods = ["strip", "lstrip", "rstrip", "removeprefix", "removesuffix", "capitalize"];

/** What differs between chat templates and other uses of Jinja. */
export interface Dialect {
  /** For messages. */
  readonly noun: string;
  /** What to do about a template that cannot be read. */
  readonly mend: string;
  readonly failure: new (message: string, data: ErrorData, options: ErrorOptions) => UnmaskError;
  /** `trim_blocks` and `lstrip_blocks`. */
  readonly trims: boolean;
  /** Edits the tree, in place, after Python's methods stand in it. */
  edit?(program: unknown): void;
  /** Functions that the edited tree calls. */
  readonly helpers?: Readonly<Record<string, unknown>>;
}

const chatDialect: Dialect = {
  ...{ noun: "chat template", mend: "fetch the tokenizer again", failure: CheckpointError, trims: true },
};

/** Reads a template; `source` names it in messages. */
export function compileTemplate(template: string, source: string, dialect: Dialect = chatDialect): Render {
  const { noun, mend, failure: Failure, trims, helpers = {} } = dialect;
  let program: ReturnType<typeof parse>;
  try {
    program = parse(tokenize(template, { lstrip_blocks: trims, trim_blocks: trims }));
    usePythonMethods(program);
    dialect.edit?.(program);
  } catch (cause) {
    const message = `${source}: the ${noun} cannot be read (${reasonOf(cause)}); ${mend}`;
    throw new Failure(message, { file: source }, { cause });
  }
  return (variables) => {
    try {
      const all = environment({ ...variables, ...helpers }, source, noun);
      return String(new Interpreter(all).run(program).value as unknown);
    } catch (cause) {
      if (cause instanceof UnmaskError) throw cause;
      const message = `${source}: the ${noun} failed (${reasonOf(cause)}); check the values it is given, or use another template`;
      throw new Failure(message, { file: source }, { cause });
    }
  };
}

function environment(
  variables: Readonly<Record<string, unknown>>,
  source: string,
  noun: string,
): Environment {
  const { now, ...given } = variables;
  const date = now instanceof Date ? now : new Date();
  const helpers = pythonMethods.map((method) => {
    return [
      helperName(method),
      (value: unknown, first: unknown) => callPythonMethod(method, value, first),
    ] as const;
  });
  const all = {
    ...given,
    ...Object.fromEntries(helpers),
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    range,
    strftime_now: (format: unknown) => formatTime(date, String(format)),
    raise_exception: (words: unknown) => {
      throw new UsageError(`${source}: the ${noun} refuses these messages: ${words}`, { file: source });
    },
  };
  const made = new Environment();
  for (const [name, value] of Object.entries(all)) made.set(name, value);
  return made;
}

/** Python's range, bounded: a template must not be able to fill the memory. */
function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (!(count <= longestRange)) throw new Error(`a range of ${count} numbers`);
  return Array.from({ length: count }, (_, index) => start + index * step);
}

function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

type Node = Record<string, unknown> & { type?: unknown };

/** Turns `a.strip(b)` into `strip(a, b)` and `a | trim` into `strip(a)`, in place. */
function usePythonMethods(node: unknown): void {
  if (typeof node !== "object" || node === null) return;
  if (node instanceof Map)
    for (const [key, value] of node) for (const part of [key, value]) usePythonMethods(part);
  for (const child of Object.values(node)) usePythonMethods(child);
  const { type, callee, args, operand, filter } = node as Node;
  if (type === "CallExpression") {
    const { type: kind, object, property, computed } = callee as Node;
    const name = (property as Node | undefined)?.value;
    if (kind !== "MemberExpression" || computed || typeof name !== "string" || !isPythonMethod(name)) return;
    const helper = Object.assign(property as Node, { value: helperName(name) });
    Object.assign(node, { callee: helper, args: [object, ...(args as unknown[])] });
  } else if (type === "FilterExpression") {
    const { type: kind, callee: called, args: given = [] } = filter as Node;
    const identifier = (kind === "CallExpression" ? called : filter) as Node;
    if (identifier.value !== "trim") return;
    const helper = Object.assign(identifier, { value: helperName("strip") });
    Object.assign(node, { type: "CallExpression", callee: helper, args: [operand, ...(given as unknown[])] });
  }
}
