// Sets of real numbers: intervals, unions, inequalities in one variable. Two are the same where they hold the same
// numbers, which is looked at on every end, between the ends and beyond them: exact for finite unions of intervals.

import { isFiniteNumber, isReal } from "./complex.ts";
import { valueAt } from "./evaluate.ts";
import { type Expression, isName, parts, type Relation, variables } from "./expression.ts";
import type { Work } from "./work.ts";

export interface RealSet {
  readonly ends: readonly number[];
  readonly holds: (x: number) => boolean;
  /** In which variable it was said, if in one. */
  readonly variable?: string;
}

const slack = 1e-9;
const equal = (a: number, b: number): boolean =>
  a === b || (Number.isFinite(a - b) && Math.abs(a - b) <= slack * Math.max(1, Math.abs(a), Math.abs(b)));

function realValue(expression: Expression, work: Work): number | undefined {
  if (variables(expression).size > 0) return undefined;
  const value = valueAt(expression, { work, trial: 0 });
  if (Math.abs(value.re) === Number.POSITIVE_INFINITY && value.im === 0) return value.re;
  return isFiniteNumber(value) && isReal(value) ? value.re : undefined;
}

export function realSet(expression: Expression, work: Work): RealSet | undefined {
  switch (expression.kind) {
    case "symbol":
      if (expression.name === "ℝ") return { ends: [], holds: () => true };
      return expression.name === "∅" ? { ends: [], holds: () => false } : undefined;
    case "sequence":
      return sequenceSet(expression, work);
    case "sets":
      return combined(expression, work);
    case "relation":
      return relationSet(expression, work);
    default: {
      const value = realValue(expression, work);
      return value === undefined ? undefined : { ends: [value], holds: (x) => equal(x, value) };
    }
  }
}

function sequenceSet(sequence: Expression & { readonly kind: "sequence" }, work: Work): RealSet | undefined {
  const { open, close, items, joined } = sequence;
  if (open === "") {
    // x < 1 or x > 2, x > 1 and x < 2; after a comma, what is left out (x ≠ 3) holds together with the rest.
    const relations = items.filter((item) => item.kind === "relation" && !item.relators.includes("="));
    const excludes = relations.some((item) => item.kind === "relation" && item.relators.includes("!="));
    const all = relations.length === items.length && (joined === "and" || excludes);
    return merged(
      items.map((item) => realSet(item, work)),
      all ? "every" : "some",
    );
  }
  if (open === "{") {
    const list: Expression = { kind: "sequence", open: "", close: "", items, joined: "or" };
    return items.some((item) => item.kind === "relation") ? undefined : realSet(list, work);
  }
  const [from, to] = items.map((item) => realValue(item, work));
  if (items.length !== 2 || from === undefined || to === undefined) return undefined;
  const holds = (x: number) =>
    (x > from || (open === "[" && equal(x, from))) &&
    (x < to || (close === "]" && equal(x, to))) &&
    (open === "[" || !equal(x, from)) &&
    (close === "]" || !equal(x, to));
  return { ends: [from, to], holds };
}

function merged(sets: readonly (RealSet | undefined)[], how: "some" | "every"): RealSet | undefined {
  const full = sets.filter((set) => set !== undefined);
  if (full.length !== sets.length) return undefined;
  const names = [...new Set(full.flatMap(({ variable }) => variable ?? []))];
  if (names.length > 1) return undefined;
  return {
    ends: full.flatMap(({ ends }) => ends),
    holds: (x) => full[how](({ holds }) => holds(x)),
    ...(names[0] === undefined ? {} : { variable: names[0] }),
  };
}

function combined({ operator, of }: Expression & { readonly kind: "sets" }, work: Work): RealSet | undefined {
  const [left, right] = [realSet(of[0], work), realSet(of[1], work)];
  if (left === undefined || right === undefined) return undefined;
  const holds = {
    union: (x: number) => left.holds(x) || right.holds(x),
    intersection: (x: number) => left.holds(x) && right.holds(x),
    difference: (x: number) => left.holds(x) && !right.holds(x),
  }[operator];
  return { ends: [...left.ends, ...right.ends], holds };
}

/** An inequality in one variable; a name such as f(x) counts as one. */
function relationSet(relation: Relation, work: Work): RealSet | undefined {
  const { sides, relators } = relation;
  if (relators.some((relator) => relator === "≡" || relator === "≈")) return undefined;
  if (relators.includes("in")) {
    const inner = sides.length === 2 && isName(sides[0]!) ? realSet(sides[1]!, work) : undefined;
    return inner && { ...inner, variable: nameOf(sides[0]!) };
  }
  const named = sides.filter((side) => variables(side).size > 0);
  const names = [...new Set(sides.flatMap((side) => [...variables(side)]))];
  if (named.length === 0 || (names.length !== 1 && !(named.length === 1 && isName(named[0]!))))
    return undefined;
  const whole = names.length > 1 ? named[0]! : undefined;
  const at = (side: Expression, x: number): number => {
    if (side === whole) return x;
    const value = valueAt(side, { work, trial: 0, given: new Map([[names[0]!, x]]) });
    if (Math.abs(value.re) === Number.POSITIVE_INFINITY) return value.re;
    return isFiniteNumber(value) && isReal(value) ? value.re : Number.NaN;
  };
  const ends = sides.flatMap((side) => literals(side, work));
  const holds = (x: number) =>
    relators.every((relator, index) => compared(at(sides[index]!, x), relator, at(sides[index + 1]!, x)));
  return {
    ends: [...ends, ...ends.map((end) => -end)],
    holds,
    variable: whole === undefined ? names[0]! : nameOf(whole),
  };
}

const nameOf = (name: Expression): string => (name.kind === "symbol" ? name.name : "");

function compared(a: number, relator: string, b: number): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return false;
  const same = equal(a, b);
  if (relator === "=") return same;
  if (relator === "!=") return !same;
  return relator.startsWith("<")
    ? (a < b && !same) || (relator === "<=" && same)
    : (a > b && !same) || (relator === ">=" && same);
}

/** Values of the parts that have no variable: where an inequality may turn. */
function literals(expression: Expression, work: Work): number[] {
  const value = realValue(expression, work);
  if (value !== undefined) return [value];
  return parts(expression).flatMap((part) => literals(part, work));
}

export function sameSet(a: RealSet, b: RealSet): boolean {
  const isLetter = (name: string | undefined) => name !== undefined && name.length === 1;
  if (isLetter(a.variable) && isLetter(b.variable) && a.variable !== b.variable) return false;
  const ends = [...new Set([...a.ends, ...b.ends, 0])].filter(Number.isFinite).sort((x, y) => x - y);
  const points = ends.flatMap((end, index) => {
    const next = ends[index + 1];
    return next === undefined ? [end] : [end, end + (next - end) * 0.37, end + (next - end) * 0.81];
  });
  const [low, high] = [ends[0]! - 1, ends.at(-1)! + 1];
  const outside = [low, low * 7 - 100.3, high, high * 7 + 100.3].filter(
    (x) => x < ends[0]! || x > ends.at(-1)!,
  );
  return [...points, ...outside].every((x) => a.holds(x) === b.holds(x));
}
