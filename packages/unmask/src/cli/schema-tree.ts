// A Zod schema as a tree of keys, read through its JSON Schema (Zod's public door): what keys there are, what they
// expect in words, and their defaults. Paths are dotted: "train.steps".

import { z } from "zod";
import { nearest } from "../base/nearest.ts";

/** The part of JSON Schema that Zod writes for configurations. */
export interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  /** What each entry of a list is. */
  readonly items?: SchemaNode;
  readonly required?: readonly string[];
  readonly anyOf?: readonly SchemaNode[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minLength?: number;
}

export interface Leaf {
  readonly path: string;
  readonly node: SchemaNode;
}

export function schemaTree(schema: z.ZodType): SchemaNode {
  return z.toJSONSchema(schema, { io: "input" }) as SchemaNode;
}

/** The node of a path; undefined if there is none. Entries of lists are found by their number. */
export function findNode(tree: SchemaNode, path: readonly string[]): SchemaNode | undefined {
  return path.reduce<SchemaNode | undefined>(
    (node, key) => (node === undefined ? node : below(node, key)),
    tree,
  );
}

function below(node: SchemaNode, key: string): SchemaNode | undefined {
  if (node.items !== undefined) return isIndex(key) ? node.items : undefined;
  const properties = groupOf(node)?.properties;
  return properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/** The group that a node is, or may be: an entry of a list is a name or a group. */
export const groupOf = (node: SchemaNode | undefined): SchemaNode | undefined =>
  node?.properties === undefined ? node?.anyOf?.find(({ properties }) => properties !== undefined) : node;

export const isIndex = (key: string): boolean => /^(0|[1-9]\d*)$/.test(key);

/** The default of a key, its own or the one its group gives; undefined if it has none. */
export function defaultOf(tree: SchemaNode, path: readonly string[]): unknown {
  const own = findNode(tree, path)?.default;
  if (own !== undefined || path.length === 0) return own;
  const group = findNode(tree, path.slice(0, -1))?.default;
  return isRecord(group) ? group[path.at(-1)!] : undefined;
}

/** What groups say of their keys as a whole: it would be lost as soon as one key of the group is given. */
export function groupDefaults(node: SchemaNode): Record<string, unknown> {
  const own = isRecord(node.default) ? node.default : {};
  const inner = Object.entries(node.properties ?? {}).flatMap(([key, child]) =>
    child.properties === undefined || child.default === undefined
      ? []
      : [[key, groupDefaults(child)] as const],
  );
  return { ...own, ...Object.fromEntries(inner) };
}

/** Whether a key must be given. */
export function isRequired(tree: SchemaNode, path: readonly string[]): boolean {
  return findNode(tree, path.slice(0, -1))?.required?.includes(path.at(-1)!) === true;
}

/** All keys that hold a value, in the schema's order. */
export function leaves(tree: SchemaNode, prefix = ""): Leaf[] {
  return Object.entries(tree.properties ?? {}).flatMap(([key, node]) => {
    const path = `${prefix}${key}`;
    const entry = groupOf(node.items);
    if (entry !== undefined) return [{ path, node }, ...leaves(entry, `${path}.0.`)];
    return node.properties === undefined ? [{ path, node }] : leaves(node, `${path}.`);
  });
}

/**
 * The key that a wrong one was probably meant to be: a neighbour in its group, else a key of that (or nearly that)
 * name anywhere, so that `steps` finds `train.steps`.
 */
export function nearestKey(tree: SchemaNode, path: readonly string[]): string | undefined {
  const last = path.at(-1) ?? "";
  const group = path.slice(0, -1);
  const neighbour = nearest(last, Object.keys(findNode(tree, group)?.properties ?? {}));
  if (neighbour !== undefined) return [...group, neighbour].join(".");
  const paths = leaves(tree).map((leaf) => leaf.path);
  const tail = nearest(
    last,
    paths.map((known) => known.split(".").at(-1)!),
  );
  return (
    paths.find((known) => tail !== undefined && known.split(".").at(-1) === tail) ??
    nearest(path.join("."), paths)
  );
}

/** What a key expects, in words: "a whole number of at least 1", `one of "bytes", "words", "bpe"`. */
export function describeExpected(node: SchemaNode): string {
  if (node.anyOf !== undefined) return node.anyOf.map(describeExpected).join(" or ");
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return `one of ${node.enum.map((value) => JSON.stringify(value)).join(", ")}`;
  if (node.properties !== undefined) return `a group of keys (${Object.keys(node.properties).join(", ")})`;
  switch (node.type) {
    case "integer":
      return `a whole number${describeRange(node)}`;
    case "number":
      return `a number${describeRange(node)}`;
    case "boolean":
      return "true or false";
    case "string":
      return (node.minLength ?? 0) > 0 ? "a text that is not empty" : "a text";
    case "array":
      return "a list";
    default:
      return "another value";
  }
}

function describeRange(node: SchemaNode): string {
  const whole = node.type === "integer";
  const above = node.exclusiveMinimum;
  const below = node.exclusiveMaximum;
  const least = node.minimum ?? (whole && above !== undefined ? above + 1 : undefined);
  const most = node.maximum === Number.MAX_SAFE_INTEGER ? undefined : node.maximum;
  const begin =
    least !== undefined && least > Number.MIN_SAFE_INTEGER
      ? `at least ${least}`
      : above !== undefined
        ? `above ${above}`
        : undefined;
  const end = most !== undefined ? `at most ${most}` : below !== undefined ? `below ${below}` : undefined;
  if (least !== undefined && most !== undefined) return ` from ${least} to ${most}`;
  if (begin !== undefined && end !== undefined) return ` of ${begin} and ${end}`;
  const [only] = [begin, end].filter((one) => one !== undefined);
  if (only === undefined) return "";
  return only.startsWith("at") ? ` of ${only}` : ` ${only}`;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
