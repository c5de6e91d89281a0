// A JSON Schema as a document: which dialect it is written in, where its subschemas are, and what references mean.
//
// Nothing is fetched: a reference leads to a place inside the document, to an embedded `$id`, or to a published
// meta-schema; any other is refused. `$dynamicRef` and `$recursiveRef` are taken for plain references.

import { ConfigError, UnsupportedError } from "../base/errors.ts";

/** Year or number of the draft; "any" where a schema names none: keywords of all drafts count then. */
export type Dialect = 4 | 6 | 7 | 2019 | 2020 | "any";

export type Keywords = Readonly<Record<string, unknown>>;

export interface SchemaNode {
  readonly id: number;
  readonly schema: boolean | Keywords;
  readonly dialect: Dialect;
  /** URI against which its references are resolved. */
  readonly base: string;
}

/** A schema, or what it does not allow. */
export interface Term {
  readonly node: SchemaNode;
  readonly negated: boolean;
}

const dialects: readonly (readonly [RegExp, Dialect])[] = [
  [/^https?:\/\/json-schema\.org\/draft-04\/schema#?$/, 4],
  [/^https?:\/\/json-schema\.org\/draft-06\/schema#?$/, 6],
  [/^https?:\/\/json-schema\.org\/draft-07\/schema#?$/, 7],
  [/^https?:\/\/json-schema\.org\/draft\/2019-09\/schema#?$/, 2019],
  [/^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/, 2020],
];

const root = "https://schema.invalid/";
/** Deeper nesting than this is no schema of a person. */
const deepest = 256;
/** Their values are data, not schemas. */
const dataKeywords = new Set(["enum", "const", "default", "examples", "example"]);

export const isObject = (value: unknown): value is Keywords =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function dialectOf(schema: unknown): Dialect | undefined {
  if (!isObject(schema) || typeof schema.$schema !== "string") return undefined;
  const uri = schema.$schema;
  const found = dialects.find(([pattern]) => pattern.test(uri));
  if (found !== undefined) return found[1];
  throw new UnsupportedError(
    `the schema is written in ${JSON.stringify(uri)}, which is not known; drafts 4, 6, 7, 2019-09 and 2020-12 are`,
    { $schema: uri },
  );
}

export class SchemaDocument {
  readonly root: SchemaNode;
  private readonly nodes = new Map<object, SchemaNode>();
  private readonly literals = new Map<string, SchemaNode>();
  /** By absolute URI without an empty fragment. */
  private readonly places = new Map<string, SchemaNode>();
  private count = 0;

  constructor(schema: unknown) {
    if (typeof schema !== "boolean" && !isObject(schema)) {
      throw new ConfigError("a JSON Schema is an object or a boolean; give one of them");
    }
    this.root = this.register(schema, { base: root, dialect: "any" }, 0);
    this.places.set(root, this.root);
  }

  private add(schema: boolean | Keywords, base: string, dialect: Dialect): SchemaNode {
    if (typeof schema === "boolean") return this.literal(schema, base, dialect);
    const node = { id: this.count++, schema, base, dialect };
    this.nodes.set(schema, node);
    return node;
  }

  private literal(schema: boolean, base: string, dialect: Dialect): SchemaNode {
    const known = this.literals.get(String(schema));
    if (known !== undefined) return known;
    const node = { id: this.count++, schema, base, dialect };
    this.literals.set(String(schema), node);
    return node;
  }

  private register(
    schema: unknown,
    { base, dialect }: Pick<SchemaNode, "base" | "dialect">,
    depth: number,
  ): SchemaNode {
    if (depth > deepest) throw new UnsupportedError(`the schema is nested deeper than ${deepest} levels`);
    if (typeof schema === "boolean") return this.literal(schema, base, dialect);
    const keywords = schema as Keywords;
    const known = this.nodes.get(keywords);
    if (known !== undefined) return known;
    const here = dialectOf(keywords) ?? dialect;
    const own = ownBase(keywords, base, here);
    const node = this.add(keywords, own, here);
    if (own !== base) this.places.set(own, node);
    for (const name of anchorsOf(keywords, here)) this.places.set(`${own}#${name}`, node);
    const inside = { base: own, dialect: here };
    for (const [key, value] of Object.entries(keywords)) {
      if (!dataKeywords.has(key)) this.search(value, inside, depth + 1);
    }
    return node;
  }

  /** Looks for schemas in what may be one, a list of them or a record of them. */
  private search(value: unknown, inside: Pick<SchemaNode, "base" | "dialect">, depth: number): void {
    if (depth > deepest) throw new UnsupportedError(`the schema is nested deeper than ${deepest} levels`);
    if (Array.isArray(value)) for (const one of value) this.search(one, inside, depth + 1);
    else if (isObject(value)) this.register(value, inside, depth);
  }

  /** The subschema that stands under a keyword of the node. */
  child(parent: SchemaNode, schema: unknown): SchemaNode {
    if (typeof schema === "boolean") return this.literal(schema, parent.base, parent.dialect);
    if (!isObject(schema)) {
      throw new ConfigError(
        "the schema holds something that is neither an object nor a boolean where a schema belongs",
      );
    }
    return this.nodes.get(schema) ?? this.add(schema, parent.base, parent.dialect);
  }

  term(parent: SchemaNode, schema: unknown, negated = false): Term {
    return { node: this.child(parent, schema), negated };
  }

  resolve({ base }: SchemaNode, reference: string): SchemaNode {
    const refuse = (): never => {
      throw new UnsupportedError(
        `the schema's reference ${JSON.stringify(reference)} leads nowhere in it, and none is fetched; put what it means under $defs`,
        { $ref: reference },
      );
    };
    const uri = absolute(reference, base) ?? refuse();
    if (dialects.some(([pattern]) => pattern.test(uri))) return this.emptySchema(base);
    const found = this.places.get(uri.endsWith("#") ? uri.slice(0, -1) : uri);
    if (found !== undefined) return found;
    const at = uri.indexOf("#");
    const resource = this.places.get(at < 0 ? uri : uri.slice(0, at)) ?? refuse();
    return this.follow(resource, at < 0 ? "" : uri.slice(at + 1)) ?? refuse();
  }

  /** An instance of every published meta-schema. */
  private emptySchema(base: string): SchemaNode {
    return this.add({ const: {} }, base, 2020);
  }

  private follow(from: SchemaNode, fragment: string): SchemaNode | undefined {
    let pointer: string;
    try {
      pointer = decodeURIComponent(fragment);
    } catch {
      return undefined;
    }
    if (pointer !== "" && !pointer.startsWith("/")) return undefined;
    let at: unknown = from.schema;
    let node = from;
    for (const part of pointer.split("/").slice(1)) {
      const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
      if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
      at = (at as Keywords)[key];
      if (isObject(at)) node = this.nodes.get(at) ?? node;
    }
    if (typeof at !== "boolean" && !isObject(at)) return undefined;
    return this.child(node, at);
  }
}

function ownBase(keywords: Keywords, base: string, dialect: Dialect): string {
  const id = dialect === 4 ? keywords.id : (keywords.$id ?? (dialect === "any" ? keywords.id : undefined));
  if (typeof id !== "string" || id.startsWith("#")) return base;
  // Up to draft 7 a reference makes its neighbours mean nothing.
  if (typeof keywords.$ref === "string" && typeof dialect === "number" && dialect <= 7) return base;
  const uri = absolute(id, base);
  return uri === undefined ? base : uri.replace(/#.*$/, "");
}

function anchorsOf({ $anchor, $dynamicAnchor, $id, id }: Keywords, dialect: Dialect): string[] {
  const names = [$anchor, $dynamicAnchor].filter((one) => typeof one === "string");
  for (const one of dialect === 4 || dialect === "any" ? [$id, id] : [$id]) {
    if (typeof one === "string" && one.startsWith("#")) names.push(one.slice(1));
  }
  return names;
}

function absolute(reference: string, base: string): string | undefined {
  try {
    return new URL(reference, base).href;
  } catch {
    return undefined;
  }
}
