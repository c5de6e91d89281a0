// What each keyword of a schema allows, and what its opposite allows.

import type { Expansion } from "./expand.ts";
import type { Expressions } from "./expressions.ts";
import { formatPattern } from "./formats.ts";
import { objectRules } from "./object-rules.ts";
import { searchPattern, wholePattern } from "./pattern.ts";
import { isObject, type Keywords, type SchemaNode, type Term } from "./schema-document.ts";
import {
  anyArray,
  anyNumber,
  anyObject,
  anyString,
  anything,
  booleans,
  isEqual,
  type NumberShape,
  nothing,
  type Shape,
} from "./shapes.ts";

export interface Rule {
  readonly holds: () => Expansion;
  readonly fails: () => Expansion;
}

export interface RuleContext {
  readonly node: SchemaNode;
  readonly schema: Keywords;
  readonly expressions: Expressions;
  term(schema: unknown, negated?: boolean): Term;
  sub(schema: unknown, negated?: boolean): Expansion;
  any(parts: readonly (() => Expansion)[]): Expansion;
  every(parts: readonly (() => Expansion)[]): Expansion;
  /** Whether two schemas have no value in common, for sure. */
  exclude(a: unknown, b: unknown): boolean;
  /** A string of the term; undefined if none was found. */
  wordOf(term: Term): string | undefined;
}

export const none: Expansion = { shapes: [], complete: true };
export const all: Expansion = { shapes: anything, complete: true };
export const only = (...shapes: readonly Shape[]): Expansion => ({ shapes, complete: true });

/** Shapes of other types stay as they are. */
export const replacing = (type: Shape["type"], ...shapes: readonly Shape[]): Expansion =>
  only(...anything.filter((one) => one.type !== type), ...shapes);

/** A constraint on one type, and its opposite, which only that type can have. */
export const constraint = (type: Shape["type"], holds: readonly Shape[], fails: readonly Shape[]): Rule => ({
  holds: () => replacing(type, ...holds),
  fails: () => only(...fails),
});

export function keywordRules(context: RuleContext): Rule[] {
  return [
    ...valueRules(context),
    ...numberRules(context),
    ...stringRules(context),
    ...arrayRules(context),
    ...objectRules(context),
    ...combinations(context),
  ];
}

/** Whether keywords of a draft and later ones count. */
export const since = ({ dialect }: SchemaNode, draft: number): boolean =>
  dialect === "any" || dialect >= draft;
export const until = ({ dialect }: SchemaNode, draft: number): boolean =>
  dialect === "any" || dialect <= draft;

const typeShapes: Readonly<Record<string, readonly Shape[]>> = {
  null: [nothing],
  boolean: booleans,
  number: [anyNumber],
  integer: [{ ...anyNumber, integer: true }],
  string: [anyString],
  array: [anyArray],
  object: [anyObject],
};

function valueRules({ schema, node }: RuleContext): Rule[] {
  const rules: Rule[] = [];
  const { type, enum: values } = schema;
  if (type !== undefined) {
    const types = Array.isArray(type) ? (type as string[]) : [type as string];
    const shapes = types
      .filter((one) => one !== "integer" || !types.includes("number"))
      .flatMap((one) => typeShapes[one] ?? []);
    const others = Object.keys(typeShapes).filter((one) => one !== "integer" && !types.includes(one));
    const opposite = others.flatMap((one) => {
      if (one === "number" && types.includes("integer")) return [{ ...anyNumber, fractional: true }];
      return typeShapes[one]!;
    });
    rules.push({ holds: () => only(...shapes), fails: () => only(...opposite) });
  }
  if (Array.isArray(values)) rules.push(oneOfValues(values));
  if ("const" in schema && since(node, 6)) rules.push(oneOfValues([schema.const]));
  return rules;
}

function oneOfValues(values: readonly unknown[]): Rule {
  return {
    holds: () => only(...values.map((value) => ({ type: "value", value }) as const)),
    fails: () => only(...anything.flatMap((shape) => without(shape, values))),
  };
}

function without(shape: Shape, values: readonly unknown[]): Shape[] {
  if (shape.type !== "value") return [{ ...shape, not: values }];
  return values.some((value) => isEqual(value, shape.value)) ? [] : [shape];
}

function numberRules({ schema, node }: RuleContext): Rule[] {
  const number = (holds: Partial<NumberShape>, fails: Partial<NumberShape>): Rule =>
    constraint("number", [{ ...anyNumber, ...holds }], [{ ...anyNumber, ...fails }]);
  const rules: Rule[] = [];
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const atLeast = (min: number, open: boolean) =>
    number({ min, openMin: open }, { max: min, openMax: !open });
  const atMost = (max: number, open: boolean) => number({ max, openMax: open }, { min: max, openMin: !open });
  if (typeof minimum === "number") rules.push(atLeast(minimum, until(node, 4) && exclusiveMinimum === true));
  if (typeof maximum === "number") rules.push(atMost(maximum, until(node, 4) && exclusiveMaximum === true));
  if (typeof exclusiveMinimum === "number") rules.push(atLeast(exclusiveMinimum, true));
  if (typeof exclusiveMaximum === "number") rules.push(atMost(exclusiveMaximum, true));
  if (typeof multipleOf === "number")
    rules.push(number({ multiples: [multipleOf] }, { notMultiples: [multipleOf] }));
  return rules;
}

function stringRules({ schema, expressions }: RuleContext): Rule[] {
  const rules: Rule[] = [];
  const { minLength, maxLength, pattern, format } = schema;
  if (typeof minLength === "number" && minLength > 0) {
    rules.push(
      constraint("string", [{ ...anyString, min: minLength }], [{ ...anyString, max: minLength - 1 }]),
    );
  }
  if (typeof maxLength === "number") {
    rules.push(
      constraint("string", [{ ...anyString, max: maxLength }], [{ ...anyString, min: maxLength + 1 }]),
    );
  }
  if (typeof pattern === "string") {
    const language = searchPattern(expressions, pattern);
    const opposite = expressions.not(language);
    rules.push(
      constraint(
        "string",
        [{ ...anyString, languages: [language] }],
        [{ ...anyString, languages: [opposite] }],
      ),
    );
  }
  const known = typeof format === "string" ? formatPattern(format) : undefined;
  if (known !== undefined) {
    // That a text is not of a format is nothing to rely on: many readers take formats for annotations.
    const language = wholePattern(expressions, known);
    rules.push(constraint("string", [{ ...anyString, languages: [language] }], []));
  }
  return rules;
}

function arrayRules(context: RuleContext): Rule[] {
  const { minItems, maxItems, uniqueItems } = context.schema;
  const rules = itemRules(context);
  if (typeof minItems === "number" && minItems > 0) {
    rules.push(constraint("array", [{ ...anyArray, min: minItems }], [{ ...anyArray, max: minItems - 1 }]));
  }
  if (typeof maxItems === "number") {
    rules.push(constraint("array", [{ ...anyArray, max: maxItems }], [{ ...anyArray, min: maxItems + 1 }]));
  }
  if (uniqueItems === true) {
    rules.push(
      constraint("array", [{ ...anyArray, unique: true }], [{ ...anyArray, repeated: true, min: 2 }]),
    );
  }
  return [...rules, ...containsRules(context)];
}

function itemRules(context: RuleContext): Rule[] {
  const { term } = context;
  const [prefix, rest] = itemSchemas(context);
  if (prefix.length === 0 && rest === undefined) return [];
  const own = { prefix: prefix.map((one) => term(one)), rest: rest === undefined ? undefined : term(rest) };
  const opposite = prefix.map((one, i) => ({
    ...anyArray,
    rules: [{ prefix: [...prefix.slice(0, i).map(() => term(true)), term(one, true)], rest: undefined }],
    min: i + 1,
  }));
  const wrongRest =
    rest === undefined
      ? []
      : [
          {
            ...anyArray,
            contains: [
              { term: term(rest, true), min: 1, max: Number.POSITIVE_INFINITY, from: prefix.length },
            ],
          },
        ];
  return [constraint("array", [{ ...anyArray, rules: [own] }], [...opposite, ...wrongRest])];
}

function containsRules({ schema, node, term }: RuleContext): Rule[] {
  const { contains, minContains = 1, maxContains } = schema;
  if (contains === undefined || !since(node, 6)) return [];
  const counts = since(node, 2019);
  const least = counts ? (minContains as number) : 1;
  const most = counts && typeof maxContains === "number" ? maxContains : Number.POSITIVE_INFINITY;
  const found = (min: number, max: number) => ({
    ...anyArray,
    contains: [{ term: term(contains), min, max, from: 0 }],
  });
  const fails = [
    ...(least > 0 ? [found(0, least - 1)] : []),
    ...(most === Number.POSITIVE_INFINITY ? [] : [found(most + 1, Number.POSITIVE_INFINITY)]),
  ];
  return [constraint("array", [found(least, most)], fails)];
}

/** Of the first items and of those behind. */
function itemSchemas({ schema, node }: RuleContext): [readonly unknown[], unknown] {
  const { items, prefixItems, additionalItems } = schema;
  if (Array.isArray(items) && until(node, 2019)) return [items, additionalItems];
  if (Array.isArray(prefixItems) && since(node, 2020)) return [prefixItems, items];
  return [[], items];
}

function combinations(context: RuleContext): Rule[] {
  const { schema, node, sub, any, every } = context;
  const rules: Rule[] = [];
  const { allOf, anyOf, oneOf, not } = schema;
  const each = (list: readonly unknown[], negated: boolean) => list.map((one) => () => sub(one, negated));
  if (Array.isArray(allOf)) {
    rules.push({ holds: () => every(each(allOf, false)), fails: () => any(each(allOf, true)) });
  }
  if (Array.isArray(anyOf)) {
    rules.push({ holds: () => any(each(anyOf, false)), fails: () => every(each(anyOf, true)) });
  }
  if (Array.isArray(oneOf)) rules.push(exactlyOne(context, oneOf));
  if (not !== undefined) rules.push({ holds: () => sub(not, true), fails: () => sub(not) });
  const branches = schema.then !== undefined || schema.else !== undefined;
  if (schema.if !== undefined && branches && since(node, 7)) rules.push(conditional(context));
  return rules;
}

function exactlyOne({ sub, any, every, exclude }: RuleContext, branches: readonly unknown[]): Rule {
  const alone = (i: number) =>
    every([
      () => sub(branches[i]),
      ...branches.flatMap((other, j) =>
        j === i || exclude(branches[i], other) ? [] : [() => sub(other, true)],
      ),
    ]);
  const pairs = branches.flatMap((one, i) =>
    branches.slice(i + 1).map((other) => () => every([() => sub(one), () => sub(other)])),
  );
  return {
    holds: () => any(branches.map((_, i) => () => alone(i))),
    fails: () => any([() => every(branches.map((one) => () => sub(one, true))), ...pairs]),
  };
}

function conditional({ schema, sub, any, every }: RuleContext): Rule {
  const { if: asked } = schema;
  const [yes = true, no = true] = [schema.then, schema.else];
  const both = (negated: boolean, then: unknown, fails: boolean) => () =>
    every([() => sub(asked, negated), () => sub(then, fails)]);
  return {
    holds: () => any([both(false, yes, false), both(true, no, false)]),
    fails: () => any([both(false, yes, true), both(true, no, true)]),
  };
}

export const records = (value: unknown): readonly (readonly [string, unknown])[] =>
  isObject(value) ? Object.entries(value) : [];
