// Schemas to shapes. A keyword that only touches one type says nothing of the others; negation is pushed down to the
// keywords (De Morgan), so that `not`, `oneOf` and `if` need no complement of a whole list.
//
// Lists are cut to a bound; `complete` says whether one was. What hangs on a list being empty (that two branches of a
// oneOf exclude each other) is only believed of complete ones.

import { ConfigError, UnsupportedError } from "../base/errors.ts";
import { automatonOf } from "./automaton.ts";
import type { Expressions } from "./expressions.ts";
import { all, keywordRules, none, type Rule } from "./keyword-rules.ts";
import {
  isObject,
  type Keywords,
  type SchemaDocument,
  type SchemaNode,
  type Term,
} from "./schema-document.ts";
import { codePointLength, isEqual, meet, type NumberShape, type ObjectShape, type Shape } from "./shapes.ts";
import { stringLanguage } from "./string-text.ts";
import { wordsOf } from "./words.ts";

export interface Expansion {
  readonly shapes: readonly Shape[];
  readonly complete: boolean;
}

/** Most shapes of one type in a list, and most given values. */
const mostShapes = 12;
const mostValues = 256;
/** Most steps of all expansions of a schema. */
const mostWork = 60_000;
/** Levels of required properties looked into for a contradiction. */
const deepestConflict = 4;

/** Of a schema that is made of itself, and of a look into one that is not expanded yet. */
class EndlessSchema extends ConfigError {}

export class Expander {
  private readonly document: SchemaDocument;
  private readonly expressions: Expressions;
  private readonly known = new Map<string, Expansion | "open">();
  private work = 0;

  constructor(document: SchemaDocument, expressions: Expressions) {
    this.document = document;
    this.expressions = expressions;
  }

  /** What all terms allow. */
  expand(all: readonly Term[]): Expansion {
    const terms = [...new Map(all.map((term) => [termsKey([term]), term])).values()];
    const key = termsKey(terms);
    const known = this.known.get(key);
    if (known === "open") {
      throw new EndlessSchema(
        "a part of the schema is made of itself without end; give the recursion a property or an item",
      );
    }
    if (known !== undefined) return known;
    this.known.set(key, "open");
    const [first] = terms;
    try {
      const expansion =
        terms.length === 1 ? this.one(first!) : this.every(terms.map((term) => () => this.expand([term])));
      this.known.set(key, expansion);
      return expansion;
    } finally {
      if (this.known.get(key) === "open") this.known.delete(key);
    }
  }

  /** Whether the value is of the terms; false where that was cut off. */
  satisfies(terms: readonly Term[], value: unknown): boolean {
    return this.expand(terms).shapes.some((shape) => this.accepts(shape, value));
  }

  readonly accepts = (shape: Shape, value: unknown): boolean => {
    this.spend(1);
    if (shape.type === "value") return isEqual(shape.value, value);
    if ("not" in shape && shape.not.some((one) => isEqual(one, value))) return false;
    if (shape.type === "number") return typeof value === "number" && fitsNumber(shape, value);
    if (shape.type === "string") {
      if (typeof value !== "string") return false;
      const length = codePointLength(value);
      if (length < shape.min || length > shape.max) return false;
      return shape.languages.every((language) => this.expressions.matches(language, value));
    }
    if (shape.type === "array") return Array.isArray(value) && this.acceptsArray(shape, value);
    return isObject(value) && this.acceptsObject(shape, value);
  };

  private acceptsArray(shape: Extract<Shape, { type: "array" }>, items: readonly unknown[]): boolean {
    if (items.length < shape.min || items.length > shape.max) return false;
    const isDistinct = items.every((one, i) => items.findIndex((other) => isEqual(one, other)) === i);
    if ((shape.unique && !isDistinct) || (shape.repeated && isDistinct)) return false;
    const fits = items.every((item, i) => this.satisfies(itemTerms(shape, i), item));
    return (
      fits &&
      shape.contains.every(({ term, min, max, from }) => {
        const count = items.filter((item, i) => i >= from && this.satisfies([term], item)).length;
        return count >= min && count <= max;
      })
    );
  }

  private acceptsObject(shape: ObjectShape, value: Keywords): boolean {
    const keys = Object.keys(value);
    if (keys.length < shape.min || keys.length > shape.max) return false;
    if (!shape.required.every((key) => Object.hasOwn(value, key))) return false;
    if (shape.absent.some((key) => Object.hasOwn(value, key))) return false;
    return keys.every(
      (key) => this.satisfies(shape.names, key) && this.satisfies(this.propertyTerms(shape, key), value[key]),
    );
  }

  /** What a property's value must be. */
  propertyTerms({ rules }: ObjectShape, key: string): Term[] {
    const terms: Term[] = [];
    for (const { properties, patterns, additional } of rules) {
      const own = properties.get(key);
      const matching = patterns.filter(({ language }) => this.expressions.matches(language, key));
      if (own !== undefined) terms.push(own);
      terms.push(...matching.map(({ term }) => term));
      if (own === undefined && matching.length === 0 && additional !== undefined) terms.push(additional);
    }
    return terms;
  }

  /** True only if no value is of the shape: contradictions in what is required. */
  isImpossible(shape: Shape, depth = deepestConflict): boolean {
    if (shape.type !== "object" || depth === 0) return false;
    return shape.required.some((key) => this.areImpossible(this.propertyTerms(shape, key), depth - 1));
  }

  areImpossible(terms: readonly Term[], depth = deepestConflict): boolean {
    if (terms.length === 0) return false;
    try {
      const { shapes, complete } = this.expand(terms);
      return complete && shapes.every((shape) => this.isImpossible(shape, depth));
    } catch (error) {
      // It looks into what is being expanded just now.
      if (error instanceof EndlessSchema) return false;
      throw error;
    }
  }

  private spend(work: number): void {
    this.work += work;
    if (this.work > mostWork) {
      throw new UnsupportedError("the schema combines too many alternatives to be followed; make it simpler");
    }
  }

  private cut(shapes: readonly Shape[], complete: boolean): Expansion {
    const kept: Shape[] = [];
    const counts = new Map<string, number>();
    for (const shape of shapes) {
      const count = (counts.get(shape.type) ?? 0) + 1;
      if (count > (shape.type === "value" ? mostValues : mostShapes)) continue;
      if (
        shape.type === "value" &&
        kept.some((one) => one.type === "value" && isEqual(one.value, shape.value))
      )
        continue;
      counts.set(shape.type, count);
      if (!kept.includes(shape)) kept.push(shape);
    }
    return { shapes: kept, complete: complete && kept.length >= new Set(shapes).size };
  }

  private any(parts: readonly (() => Expansion)[]): Expansion {
    const expansions = parts.map((part) => part());
    return this.cut(
      expansions.flatMap(({ shapes }) => shapes),
      expansions.every(({ complete }) => complete),
    );
  }

  private every(parts: readonly (() => Expansion)[]): Expansion {
    let result: Expansion | undefined;
    for (const part of parts) {
      const next = part();
      if (next === all) continue;
      result = result === undefined ? next : this.both(result, next);
    }
    return result ?? all;
  }

  private both(a: Expansion, b: Expansion): Expansion {
    const shapes: Shape[] = [];
    let complete = a.complete && b.complete;
    for (const one of a.shapes) {
      for (const other of b.shapes) {
        this.spend(1);
        try {
          const met = one === other ? one : meet(one, other, this.accepts);
          if (met !== undefined && !shapes.includes(met)) shapes.push(met);
        } catch (error) {
          if (!(error instanceof EndlessSchema)) throw error;
          complete = false;
        }
      }
    }
    // What is simpler comes first, and is kept.
    const possible = shapes.filter((shape) => !this.isImpossible(shape, 1));
    possible.sort((x, y) => complexity(x) - complexity(y));
    return this.cut(possible, complete);
  }

  private one({ node, negated }: Term): Expansion {
    const { schema } = node;
    if (typeof schema === "boolean") return schema === negated ? none : all;
    return negated ? this.none(node, schema) : this.positive(node, schema);
  }

  private term(node: SchemaNode, schema: unknown, negated = false): Term {
    return this.document.term(node, schema, negated);
  }

  private sub(node: SchemaNode, schema: unknown, negated = false): Expansion {
    return this.expand([this.term(node, schema, negated)]);
  }

  /** Each keyword with what it allows and what its opposite allows. */
  private keywords(node: SchemaNode, schema: Keywords): Rule[] {
    return keywordRules({
      node,
      schema,
      expressions: this.expressions,
      term: (child, negated) => this.term(node, child, negated),
      sub: (child, negated) => this.sub(node, child, negated),
      any: (parts) => this.any(parts),
      every: (parts) => this.every(parts),
      exclude: (a, b) => this.exclude(node, a, b),
      wordOf: (term) => this.wordOf(term),
    });
  }

  /** A string of the term; undefined if none was found. */
  private wordOf(term: Term): string | undefined {
    for (const shape of this.expand([term]).shapes) {
      if (shape.type === "value" && typeof shape.value === "string") return shape.value;
      if (shape.type !== "string") continue;
      const language = stringLanguage(this.expressions, shape);
      if (language !== undefined) return wordsOf(automatonOf(this.expressions, language)!, 1)[0];
    }
    return undefined;
  }

  private positive(node: SchemaNode, schema: Keywords): Expansion {
    const reference = this.reference(node, schema);
    // Neighbours that an old draft ignores are heeded all the same, as some validators do: that is never less strict.
    const parts = this.keywords(node, schema).map(({ holds }) => holds);
    if (reference !== undefined) parts.push(() => this.expand([{ node: reference.target, negated: false }]));
    return this.unevaluated(node, schema, this.every(parts));
  }

  private none(node: SchemaNode, schema: Keywords): Expansion {
    const reference = this.reference(node, schema);
    if (reference?.alone === true) return this.expand([{ node: reference.target, negated: true }]);
    const parts = this.keywords(node, schema).map(({ fails }) => fails);
    if (reference !== undefined) parts.push(() => this.expand([{ node: reference.target, negated: true }]));
    // Of what only unevaluated parts break nothing is known.
    const isWhole = !("unevaluatedProperties" in schema) && !("unevaluatedItems" in schema);
    return this.any([...parts, () => ({ shapes: [], complete: isWhole })]);
  }

  private reference(node: SchemaNode, { $ref, $dynamicRef, $recursiveRef }: Keywords) {
    const { dialect } = node;
    if (typeof $ref === "string") {
      const alone = typeof dialect === "number" && dialect <= 7;
      return { target: this.document.resolve(node, $ref), alone };
    }
    const dynamic = $dynamicRef ?? $recursiveRef;
    if (typeof dynamic !== "string") return undefined;
    return { target: this.document.resolve(node, dynamic), alone: false };
  }

  /** Whether two branches have no value in common, for sure. */
  private exclude(node: SchemaNode, a: unknown, b: unknown): boolean {
    return this.areImpossible([this.term(node, a), this.term(node, b)]);
  }

  private unevaluated(node: SchemaNode, schema: Keywords, expansion: Expansion): Expansion {
    const { unevaluatedProperties: properties, unevaluatedItems: items } = schema;
    if (properties === undefined && items === undefined) return expansion;
    const { shapes, complete } = expansion;
    const restricted = shapes.map((shape) => {
      if (shape.type === "object" && properties !== undefined) {
        return withUnevaluated(shape, this.term(node, properties));
      }
      if (shape.type === "array" && items !== undefined) {
        if (shape.rules.some(({ rest }) => rest !== undefined)) return shape;
        const length = Math.max(0, ...shape.rules.map(({ prefix }) => prefix.length));
        const prefix = Array.from({ length }, () => this.term(node, true));
        return { ...shape, rules: [...shape.rules, { prefix, rest: this.term(node, items) }] };
      }
      return shape;
    });
    // Given values were not looked at.
    const known = restricted.filter((shape) => shape.type !== "value" || !(shape.value instanceof Object));
    return { shapes: known, complete };
  }
}

function withUnevaluated(shape: ObjectShape, term: Term): ObjectShape {
  const seen = shape.rules.filter(({ evaluates }) => evaluates);
  if (seen.some(({ additional }) => additional !== undefined)) return shape;
  const properties = new Map<string, Term>();
  for (const rules of seen) for (const [key, own] of rules.properties) properties.set(key, own);
  const patterns = seen.flatMap((rules) => rules.patterns);
  return { ...shape, rules: [...shape.rules, { properties, patterns, additional: term, evaluates: true }] };
}

const termsKey = (terms: readonly Term[]): string =>
  [...new Set(terms.map(({ node, negated }) => `${negated ? "-" : ""}${node.id}`))].sort().join();

export { termsKey };

/** Of the item at a place. */
export const itemTerms = ({ rules }: Extract<Shape, { type: "array" }>, place: number): Term[] =>
  rules.flatMap(({ prefix, rest }) => prefix[place] ?? (place < prefix.length ? [] : (rest ?? [])));

function complexity(shape: Shape): number {
  if (shape.type === "value") return 0;
  if (shape.type !== "object") return 1;
  return 1 + shape.required.length + shape.absent.length + shape.rules.length;
}

export function fitsNumber(shape: NumberShape, value: number): boolean {
  const { min, max, openMin, openMax, integer, fractional, multiples, notMultiples } = shape;
  if (value < min || value > max || (openMin && value === min) || (openMax && value === max)) return false;
  if ((integer && !Number.isInteger(value)) || (fractional && Number.isInteger(value))) return false;
  const divides = (one: number) => Number.isInteger(value / one);
  return multiples.every(divides) && !notMultiples.some(divides) && !shape.not.includes(value);
}
