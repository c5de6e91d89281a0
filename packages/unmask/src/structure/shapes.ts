// What a JSON value may look like, as a list of shapes of which it has one: a value that is given, or the constraints on
// a number, a string, an array or an object. Schemas become such lists (expand.ts); shapes become text (compile.ts).
//
// A list may leave out some of what its schema allows, never add to it: whatever is cut off to keep things small,
// every value of a shape is valid.

import type { Expression } from "./expressions.ts";
import type { Term } from "./schema-document.ts";

export interface ValueShape {
  readonly type: "value";
  readonly value: unknown;
}

export interface NumberShape {
  readonly type: "number";
  readonly min: number;
  readonly max: number;
  /** The bound itself is out. */
  readonly openMin: boolean;
  readonly openMax: boolean;
  readonly integer: boolean;
  /** No whole number. */
  readonly fractional: boolean;
  readonly multiples: readonly number[];
  readonly notMultiples: readonly number[];
  readonly not: readonly unknown[];
}

export interface StringShape {
  readonly type: "string";
  /** All of them describe it. */
  readonly languages: readonly Expression[];
  /** In code points. */
  readonly min: number;
  readonly max: number;
  readonly not: readonly unknown[];
}

export interface ItemRules {
  readonly prefix: readonly Term[];
  /** Of what stands behind the prefix; undefined: anything. */
  readonly rest: Term | undefined;
}

export interface Contains {
  readonly term: Term;
  readonly min: number;
  readonly max: number;
  /** Only places from here on count. */
  readonly from: number;
}

export interface ArrayShape {
  readonly type: "array";
  readonly rules: readonly ItemRules[];
  readonly contains: readonly Contains[];
  readonly min: number;
  readonly max: number;
  readonly unique: boolean;
  /** Two items are equal. */
  readonly repeated: boolean;
  readonly not: readonly unknown[];
}

export interface PropertyRules {
  readonly properties: ReadonlyMap<string, Term>;
  readonly patterns: readonly { readonly language: Expression; readonly term: Term }[];
  /** Of properties that neither name nor pattern covers; undefined: anything. */
  readonly additional: Term | undefined;
  /** Whether what it covers counts as evaluated. */
  readonly evaluates: boolean;
}

export interface ObjectShape {
  readonly type: "object";
  readonly rules: readonly PropertyRules[];
  readonly required: readonly string[];
  readonly absent: readonly string[];
  readonly names: readonly Term[];
  readonly min: number;
  readonly max: number;
  readonly not: readonly unknown[];
}

export type Shape = ValueShape | NumberShape | StringShape | ArrayShape | ObjectShape;

export const anyNumber: NumberShape = {
  type: "number",
  min: Number.NEGATIVE_INFINITY,
  max: Number.POSITIVE_INFINITY,
  ...{ openMin: false, openMax: false, integer: false, fractional: false },
  ...{ multiples: [], notMultiples: [], not: [] },
};
const bounds = { min: 0, max: Number.POSITIVE_INFINITY, not: [] } as const;
export const anyString: StringShape = { type: "string", languages: [], ...bounds };
export const anyArray: ArrayShape = {
  type: "array",
  ...{ rules: [], contains: [], unique: false, repeated: false },
  ...bounds,
};
export const anyObject: ObjectShape = {
  type: "object",
  ...{ rules: [], required: [], absent: [], names: [] },
  ...bounds,
};
export const nothing: ValueShape = { type: "value", value: null };
export const booleans: readonly ValueShape[] = [true, false].map((value) => ({ type: "value", value }));
export const anything: readonly Shape[] = [anyString, anyNumber, ...booleans, nothing, anyArray, anyObject];

export const codePointLength = (text: string): number => Array.from(text).length;

export function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [keys, others] = [Object.keys(a), Object.keys(b)];
  return (
    keys.length === others.length &&
    keys.every((key) => Object.hasOwn(b, key) && isEqual((a as never)[key], (b as never)[key]))
  );
}

/** A value that both shapes have; undefined where there is plainly none. Given values are judged by `accepts`. */
export function meet(
  a: Shape,
  b: Shape,
  accepts: (shape: Shape, value: unknown) => boolean,
): Shape | undefined {
  if (a.type === "value") return accepts(b, a.value) ? a : undefined;
  if (b.type === "value") return accepts(a, b.value) ? b : undefined;
  if (a.type === "number" && b.type === "number") return meetNumbers(a, b);
  if (a.type === "string" && b.type === "string") {
    return inBounds({ ...a, ...common(a, b), languages: [...new Set([...a.languages, ...b.languages])] });
  }
  if (a.type === "array" && b.type === "array") {
    return inBounds({
      ...{ ...a, ...common(a, b) },
      rules: [...new Set([...a.rules, ...b.rules])],
      contains: [...new Set([...a.contains, ...b.contains])],
      unique: a.unique || b.unique,
      repeated: a.repeated || b.repeated,
    });
  }
  if (a.type === "object" && b.type === "object") {
    const required = [...new Set([...a.required, ...b.required])];
    const absent = [...new Set([...a.absent, ...b.absent])];
    if (required.some((key) => absent.includes(key))) return undefined;
    return inBounds({
      ...{ ...a, ...common(a, b), required, absent },
      rules: [...new Set([...a.rules, ...b.rules])],
      names: [...a.names, ...b.names],
    });
  }
  return undefined;
}

const common = (a: StringShape | ArrayShape | ObjectShape, b: typeof a) => ({
  min: Math.max(a.min, b.min),
  max: Math.min(a.max, b.max),
  not: [...a.not, ...b.not],
});

function inBounds<S extends StringShape | ArrayShape | ObjectShape>(shape: S): S | undefined {
  if (shape.min > shape.max) return undefined;
  if (shape.type === "array" && shape.unique && shape.repeated) return undefined;
  if (shape.type === "object" && shape.required.length > shape.max) return undefined;
  return shape;
}

function meetNumbers(a: NumberShape, b: NumberShape): NumberShape | undefined {
  const [low, other] = a.min > b.min || (a.min === b.min && a.openMin) ? [a, b] : [b, a];
  const [high, rest] = a.max < b.max || (a.max === b.max && a.openMax) ? [a, b] : [b, a];
  const [min, max] = [low.min, high.max];
  const openMin = low.openMin || (other.min === min && other.openMin);
  const openMax = high.openMax || (rest.max === max && rest.openMax);
  const [integer, fractional] = [a.integer || b.integer, a.fractional || b.fractional];
  if (min > max || (min === max && (openMin || openMax)) || (integer && fractional)) return undefined;
  return {
    type: "number",
    ...{ min, max, openMin, openMax, integer, fractional },
    multiples: [...new Set([...a.multiples, ...b.multiples])],
    notMultiples: [...new Set([...a.notMultiples, ...b.notMultiples])],
    not: [...a.not, ...b.not],
  };
}
