// What a text must look like, as it is asked: by a program, on the command line or over HTTP.

import { Expressions } from "./expressions.ts";
import { wholePattern } from "./pattern.ts";
import type { StructurePlan } from "./plan.ts";
import { planSchema } from "./plan-schema.ts";

export type Structure =
  /** Any JSON object. */
  | { readonly kind: "json" }
  /** JSON that is valid under a JSON Schema. */
  | { readonly kind: "json-schema"; readonly schema: unknown }
  /** A text that a regular expression matches from its first to its last character. */
  | { readonly kind: "regex"; readonly pattern: string };

function planPattern(pattern: string): StructurePlan {
  const expressions = new Expressions();
  const expression = wholePattern(expressions, pattern);
  return {
    expressions,
    segments: [{ expression }],
    check: (text) => (expressions.matches(expression, text) ? undefined : "the pattern does not match it"),
  };
}

/** Throws a ConfigError or UnsupportedError that says what cannot be honoured. */
export function planStructure(structure: Structure): StructurePlan {
  if (structure.kind === "regex") return planPattern(structure.pattern);
  return planSchema(structure.kind === "json" ? { type: "object" } : structure.schema);
}
