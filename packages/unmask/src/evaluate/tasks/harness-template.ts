// Jinja templates of lm-evaluation-harness's task files: no trimming of blocks, the last line feed kept, names that the
// document lacks refused, values printed as Python prints them, and Python's `index` and `find`, the filter
// `regex_replace`. `@huggingface/jinja` interprets; its tree is edited once (text/jinja.ts does the rest of Python).

import { ConfigError, DataError } from "../../base/errors.ts";
import { compileTemplate, type Dialect, type Render } from "../../text/jinja.ts";
import { pythonString } from "./python-literal.ts";
import { pythonRegex, pythonReplacement } from "./python-regex.ts";

type Node = Record<string, unknown> & { type?: unknown };

/** Kinds of nodes in a body that print nothing of their own. */
const statements = new Set([
  ...["Set", "If", "For", "Macro", "CallStatement", "FilterStatement", "Break", "Continue", "Comment"],
  ...["StringLiteral", "Program"],
]);
const print = "harness print";

const call = (name: string, ...args: readonly unknown[]): Node => ({
  ...{ type: "CallExpression", callee: { type: "Identifier", value: name }, args },
});
const text = (value: string): Node => ({ type: "StringLiteral", value });

/** Every expression that a body prints goes through `print`; methods and filters that are Python's become calls. */
function edit(node: unknown): void {
  if (typeof node !== "object" || node === null) return;
  if (node instanceof Map) for (const pair of node) for (const part of pair) edit(part);
  for (const child of Object.values(node)) edit(child);
  const own = node as Node;
  for (const body of ["body", "alternate", "defaultBlock"]) {
    const parts = own[body];
    if (Array.isArray(parts)) own[body] = parts.map((part: Node) => printed(part));
  }
  if (own.type === "CallExpression") useMethod(own);
  if (own.type === "FilterExpression") useFilter(own);
  // `a if b` alone is empty where b is false, also where undefined names are refused.
  if (own.type === "SelectExpression") {
    Object.assign(own, { type: "Ternary", condition: own.test, trueExpr: own.lhs, falseExpr: text("") });
  }
}

const printed = (part: Node): Node => (statements.has(String(part.type)) ? part : printing(part));

/** The interpreter hands over nothing for None and for what is not defined; a test tells them apart. */
function printing(part: Node): Node {
  const test = { type: "Identifier", value: "defined" };
  const isDefined = { type: "TestExpression", operand: part, negate: false, test };
  return call(print, part, text(nameOf(part)), isDefined);
}

/** "choices.text" of a chain of names, else nothing; for messages. */
function nameOf({ type, value, object, property, computed }: Node): string {
  if (type === "Identifier") return String(value);
  if (type !== "MemberExpression" || computed === true) return "";
  const [whole, part] = [nameOf(object as Node), nameOf(property as Node)];
  return whole === "" || part === "" ? "" : `${whole}.${part}`;
}

const methods = ["index", "find", "count", "zfill"];

/** `list.index(value)`: the object becomes the first argument. */
function useMethod(node: Node): void {
  const { type, object, property, computed } = node.callee as Node;
  const name = String((property as Node | undefined)?.value);
  if (type !== "MemberExpression" || computed === true || !methods.includes(name)) return;
  Object.assign(node, call(`harness ${name}`, object, ...(node.args as unknown[])));
}

function useFilter(node: Node): void {
  const { filter, operand } = node as { filter: Node; operand: Node };
  const { callee = filter, args = [] } = filter as { callee?: Node; args?: unknown[] };
  if (callee.value === "regex_replace") Object.assign(node, call("harness regex_replace", operand, ...args));
  if (callee.value === "string") Object.assign(node, printing(operand));
}

/** What the interpreter hands over holds values of its own inside of lists and objects. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => plain((one as { value: unknown }).value));
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([key, one]) => [key, plain((one as { value: unknown }).value)]));
}

const helpers = {
  [print]: (value: unknown, name: unknown, isDefined: unknown): string => {
    if (isDefined === true) return pythonString(plain(value));
    const what = name === "" ? "something it prints" : String(name);
    throw new DataError(`${what} is not defined`);
  },
  "harness index": (value: unknown, wanted: unknown): number => {
    const all = plain(value);
    const at =
      typeof all === "string" ? all.indexOf(String(wanted)) : ((all as unknown[])?.indexOf(wanted) ?? -1);
    if (at === -1) throw new Error(`${pythonString(wanted)} is not in ${pythonString(all)}`);
    return at;
  },
  "harness find": (value: unknown, wanted: unknown): number => String(value).indexOf(String(wanted)),
  "harness count": (value: unknown, wanted: unknown): number => {
    const all = plain(value);
    if (typeof all === "string") return all.split(String(wanted)).length - 1;
    return (all as unknown[]).filter((one) => one === wanted).length;
  },
  "harness zfill": (value: unknown, width: unknown): string => String(value).padStart(Number(width), "0"),
  "harness regex_replace": (value: unknown, pattern: unknown, replacement: unknown): string =>
    String(value).replace(pythonRegex(String(pattern)), pythonReplacement(String(replacement))),
};

const dialect: Dialect = {
  ...{ noun: "template", mend: "check its Jinja", failure: ConfigError, trims: false },
  ...{ edit, helpers },
};

/** `source` names file and field in messages. */
export function compileHarnessTemplate(template: string, source: string): Render {
  // The interpreter takes one line feed off the end.
  const render = compileTemplate(template.endsWith("\n") ? `${template}\n` : template, source, dialect);
  return (fields) => {
    try {
      return render(fields);
    } catch (cause) {
      if (!(cause instanceof DataError)) throw cause;
      throw new DataError(`${source}: ${cause.message}; check the field's name`, { source }, { cause });
    }
  };
}
