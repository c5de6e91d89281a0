// What an answer is once it has been read: numbers and operations, and the shapes that hold them.

import type { Rational } from "./rational.ts";

export type Relator = "=" | "<" | ">" | "<=" | ">=" | "!=" | "≈" | "in" | "≡";

export type Expression =
  /** `decimals` is how many digits stand behind the point, if it was written with one. */
  | {
      readonly kind: "number";
      readonly value: Rational;
      readonly decimals?: number;
      readonly digits?: string;
    }
  /** A variable or constant; π, e, i and ∞ are called so. Subscripts and primes belong to the name. */
  | { readonly kind: "symbol"; readonly name: string }
  | { readonly kind: "sum"; readonly of: readonly Expression[] }
  | { readonly kind: "product"; readonly of: readonly Expression[] }
  | { readonly kind: "quotient"; readonly top: Expression; readonly bottom: Expression }
  | { readonly kind: "power"; readonly base: Expression; readonly exponent: Expression }
  | { readonly kind: "negative"; readonly of: Expression }
  /** Plus or minus; `swapped` for ∓. */
  | { readonly kind: "both"; readonly of: Expression; readonly swapped: boolean }
  | { readonly kind: "call"; readonly name: string; readonly of: readonly Expression[] }
  | { readonly kind: "percent"; readonly of: Expression }
  | { readonly kind: "degrees"; readonly of: Expression }
  | { readonly kind: "measured"; readonly of: Expression; readonly unit: string }
  /** A number in a base other than ten: digits as written. */
  | { readonly kind: "based"; readonly digits: string; readonly base: number }
  | { readonly kind: "ratio"; readonly of: readonly Expression[] }
  | { readonly kind: "text"; readonly words: string }
  | Sequence
  | { readonly kind: "matrix"; readonly rows: readonly (readonly Expression[])[] }
  | Relation
  | {
      readonly kind: "sets";
      readonly operator: "union" | "intersection" | "difference";
      readonly of: readonly [Expression, Expression];
    };

/** Items with brackets: (1, 2) or [1, 2), a set {1, 2}, or a bare list, whose brackets are empty. */
export interface Sequence {
  readonly kind: "sequence";
  readonly open: "(" | "[" | "{" | "";
  readonly close: ")" | "]" | "}" | "";
  readonly items: readonly Expression[];
  /** What stands between the items of a bare list. */
  readonly joined?: "," | "and" | "or";
}

export interface Relation {
  readonly kind: "relation";
  readonly sides: readonly Expression[];
  readonly relators: readonly Relator[];
}

/** The parts of an expression, whatever its kind. */
export function parts(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "number":
    case "symbol":
    case "based":
    case "text":
      return [];
    case "quotient":
      return [expression.top, expression.bottom];
    case "power":
      return [expression.base, expression.exponent];
    case "negative":
    case "both":
    case "percent":
    case "degrees":
    case "measured":
      return [expression.of];
    case "sequence":
      return expression.items;
    case "matrix":
      return expression.rows.flat();
    case "relation":
      return expression.sides;
    default:
      return expression.of;
  }
}

const constants: ReadonlySet<string> = new Set(["π", "e", "i", "∞", "ℝ", "ℤ", "ℚ", "ℂ", "ℕ", "∅"]);

/** Names of the variables in it. */
export function variables(expression: Expression, into = new Set<string>()): Set<string> {
  if (expression.kind === "symbol" && !constants.has(expression.name)) into.add(expression.name);
  for (const part of parts(expression)) variables(part, into);
  return into;
}

export function contains(expression: Expression, kinds: readonly Expression["kind"][]): boolean {
  return kinds.includes(expression.kind) || parts(expression).some((part) => contains(part, kinds));
}

/** True for a name of a value, such as x, f(x), AB, |AB|, S_1 : S_2: no number and no sum is in it. */
export function isName(expression: Expression): boolean {
  if (expression.kind === "symbol") return !constants.has(expression.name);
  if (expression.kind === "text") return true;
  if (expression.kind === "power") return expression.exponent.kind === "symbol";
  const named = ["product", "quotient", "call", "ratio", "sequence", "measured"];
  if (!named.includes(expression.kind)) return false;
  const call = expression.kind === "product" && expression.of[0]?.kind === "symbol";
  const inner = parts(expression);
  return (
    inner.length > 0 &&
    inner.every((part, index) => isName(part) || (call && index > 0 && part.kind === "number"))
  );
}
