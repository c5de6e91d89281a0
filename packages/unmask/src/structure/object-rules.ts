// What the keywords of objects allow, and what their opposites allow.

import { automatonOf } from "./automaton.ts";
import type { Expression } from "./expressions.ts";
import {
  constraint,
  type Rule,
  type RuleContext,
  records,
  replacing,
  since,
  until,
} from "./keyword-rules.ts";
import { searchPattern } from "./pattern.ts";
import { anyObject, type ObjectShape, type PropertyRules } from "./shapes.ts";
import { wordsOf } from "./words.ts";

export function objectRules(context: RuleContext): Rule[] {
  const { schema, node, term } = context;
  const rules: Rule[] = [...coveredProperties(context)];
  const { required, minProperties, maxProperties, propertyNames } = schema;
  if (Array.isArray(required) && required.length > 0) {
    const fails = required.map((key: string) => ({ ...anyObject, absent: [key] }));
    rules.push(constraint("object", [{ ...anyObject, required: [...new Set(required as string[])] }], fails));
  }
  if (typeof minProperties === "number" && minProperties > 0) {
    rules.push(
      constraint(
        "object",
        [{ ...anyObject, min: minProperties }],
        [{ ...anyObject, max: minProperties - 1 }],
      ),
    );
  }
  if (typeof maxProperties === "number") {
    rules.push(
      constraint(
        "object",
        [{ ...anyObject, max: maxProperties }],
        [{ ...anyObject, min: maxProperties + 1 }],
      ),
    );
  }
  if (propertyNames !== undefined && since(node, 6)) {
    const wrong = context.wordOf(term(propertyNames, true));
    const fails = wrong === undefined ? [] : [{ ...anyObject, required: [wrong] }];
    rules.push(constraint("object", [{ ...anyObject, names: [term(propertyNames)] }], fails));
  }
  for (const [key, what] of dependencies(context)) rules.push(dependency(context, key, what));
  return rules;
}

function coveredProperties({ schema, term, expressions }: RuleContext): Rule[] {
  const { properties, patternProperties, additionalProperties } = schema;
  if (properties === undefined && patternProperties === undefined && additionalProperties === undefined)
    return [];
  const own = new Map(records(properties).map(([key, one]) => [key, term(one)] as const));
  const patterns = records(patternProperties).map(([pattern, one]) => ({
    language: searchPattern(expressions, pattern),
    term: term(one),
    schema: one,
  }));
  const additional = additionalProperties === undefined ? undefined : term(additionalProperties);
  const rules: PropertyRules = { properties: own, patterns, additional, evaluates: true };
  /** An object with this property, and the value that it must not have. */
  const wrong = (key: string, value: unknown): ObjectShape => ({
    ...anyObject,
    required: [key],
    rules: [
      {
        properties: new Map([[key, term(value, true)]]),
        patterns: [],
        additional: undefined,
        evaluates: false,
      },
    ],
  });
  const fails = records(properties).map(([key, one]) => wrong(key, one));
  for (const { language, schema: one } of patterns) {
    const [key] = exampleKeys(expressions, language);
    if (key !== undefined) fails.push(wrong(key, one));
  }
  if (additionalProperties !== undefined) {
    const others = expressions.and([
      ...patterns.map(({ language }) => expressions.not(language)),
      ...[...own.keys()].map((key) => expressions.not(expressions.text(key))),
      searchPattern(expressions, "^[a-z_]{1,24}$"),
    ]);
    const [key] = exampleKeys(expressions, others);
    if (key !== undefined) fails.push(wrong(key, additionalProperties));
  }
  return [constraint("object", [{ ...anyObject, rules: [rules] }], fails)];
}

const exampleKeys = (expressions: RuleContext["expressions"], language: Expression): string[] => {
  const automaton = automatonOf(expressions, language);
  return automaton === undefined ? [] : wordsOf(automaton, 1);
};

/** Properties that ask for others (a list) or for a schema of the whole object. */
function dependencies({ schema, node }: RuleContext): readonly (readonly [string, unknown])[] {
  return [
    ...(until(node, 7) ? records(schema.dependencies) : []),
    ...(since(node, 2019) ? [...records(schema.dependentRequired), ...records(schema.dependentSchemas)] : []),
  ];
}

function dependency({ sub, any, every }: RuleContext, key: string, what: unknown): Rule {
  const without = { ...anyObject, absent: [key] };
  const has = (others: readonly string[] = []): ObjectShape => ({
    ...anyObject,
    required: [...new Set([key, ...others])],
  });
  if (Array.isArray(what)) {
    const missing = what
      .filter((one) => one !== key)
      .map((one: string): ObjectShape => ({ ...anyObject, required: [key], absent: [one] }));
    return constraint("object", [has(what as string[]), without], missing);
  }
  const present = () => ({ shapes: [has()], complete: true });
  return {
    holds: () => any([() => every([present, () => sub(what)]), () => replacing("object", without)]),
    fails: () => every([present, () => sub(what, true)]),
  };
}
