// The last look: ajv, which knows nothing of our plans, in the schema's own dialect.
//
// Patterns are matched by our automata: JavaScript's own regular expressions can take exponential time, and schemas come
// from clients. Formats are asserted as ajv-formats knows them.

import { Ajv, type ErrorObject, type Options, type ValidateFunction } from "ajv";
import { Ajv2019 } from "ajv/dist/2019.js";
import { Ajv2020 } from "ajv/dist/2020.js";
import AjvDraft4 from "ajv-draft-04";
import formats from "ajv-formats";
import { ConfigError } from "../base/errors.ts";
import { Expressions } from "./expressions.ts";
import { searchPattern } from "./pattern.ts";
import { type Dialect, dialectOf } from "./schema-document.ts";

/** Our own matcher in the place of RegExp. */
const regExp = Object.assign(
  (source: string) => {
    const expressions = new Expressions();
    const language = searchPattern(expressions, source);
    // ajv knows patterns apart by their text.
    return { test: (text: string) => expressions.matches(language, text), toString: () => `/${source}/` };
  },
  { code: "searchPattern" },
);

const options: Options = {
  strict: false,
  allErrors: false,
  validateFormats: true,
  logger: false,
  unicodeRegExp: true,
  code: { regExp: regExp as never },
};

const classes = {
  4: AjvDraft4.default,
  6: Ajv,
  7: Ajv,
  2019: Ajv2019,
  2020: Ajv2020,
} as const;

export interface Validator {
  /** Why the value is not valid; undefined if it is. */
  check(value: unknown): string | undefined;
}

/** Throws a ConfigError if the schema is not valid in its own dialect, or in any where it names none. */
export function validatorOf(schema: unknown): Validator {
  const own = dialectOf(schema);
  const tried: readonly Exclude<Dialect, "any">[] =
    own === undefined || own === "any" ? [2020, 2019, 7, 4] : [own];
  let first: unknown;
  for (const dialect of tried) {
    try {
      const validate = compile(schema, dialect);
      return {
        check(value) {
          try {
            return validate(value) ? undefined : reasonOf(validate.errors);
          } catch (error) {
            // Of ajv's on schemas that lead back to themselves.
            return `the value cannot be checked (${error instanceof Error ? error.message : String(error)})`;
          }
        },
      };
    } catch (error) {
      first ??= error;
    }
  }
  const reason = first instanceof Error ? first.message : String(first);
  throw new ConfigError(`this is no JSON Schema that can be checked: ${reason}`);
}

function compile(schema: unknown, dialect: Exclude<Dialect, "any">): ValidateFunction {
  const ajv = new classes[dialect](options);
  formats.default(ajv as never);
  const sameDialect = dialect === 6 ? withDraft7(schema) : schema;
  return ajv.compile(sameDialect as object);
}

/** Draft 7 adds keywords to draft 6 and changes none. */
const withDraft7 = (schema: unknown): unknown =>
  typeof schema === "object" ? { ...schema, $schema: "http://json-schema.org/draft-07/schema#" } : schema;

function reasonOf(errors: readonly ErrorObject[] | null | undefined): string {
  const [error] = errors ?? [];
  if (error === undefined) return "it is not valid";
  return `${error.instancePath === "" ? "the value" : error.instancePath} ${error.message ?? "is not valid"}`;
}
