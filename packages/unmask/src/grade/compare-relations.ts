// Equations and inequalities with several variables: the same where one is the other times a constant.

import { sameValue } from "./compare-values.ts";
import { close, divide, isFiniteNumber, isReal, size } from "./complex.ts";
import { trials, valueAt } from "./evaluate.ts";
import { type Expression, isName, type Relation, type Relator, variables } from "./expression.ts";
import type { Work } from "./work.ts";

/** What an equation says a name is: the last side of x = 5 + 6 = 11; undefined if it says something else. */
export function assigned(
  relation: Relation,
): { readonly name: Expression; readonly value: Expression } | undefined {
  const { sides, relators } = relation;
  // What follows a sign of "about" is less exact than what stands before it, unless nothing but a name does.
  const about = relators.indexOf("≈");
  const end = about > 0 ? about : sides.length - 1;
  const used = relators.slice(0, end);
  if (used.some((relator) => !["=", "≈"].includes(relator))) return undefined;
  const [first, last] = [sides[0]!, sides[end]!];
  if (isName(first)) return { name: first, value: last };
  if (sides.length === 2 && isName(last) && variables(first).size === 0) return { name: last, value: first };
  // A derivation: a + b = c = 101.
  if (sides.length > 2 && variables(last).size === 0) return { name: first, value: last };
  return undefined;
}

/** A derivation without names, such as 2 + 3 = 5. */
export function derived({ sides, relators }: Relation, work: Work): Expression | undefined {
  const isChain = relators.every((relator) => relator === "=" || relator === "≈");
  const closed = isChain && sides.every((side) => variables(side).size === 0);
  if (!closed) return undefined;
  return relators[0] === "≈" || sameValue(sides[0]!, sides.at(-1)!, work) ? sides[0] : undefined;
}

/** x and y are two names, and so are f(x) and g(x); y and f(x) may be the same. */
export function sameName(a: Expression, b: Expression): boolean {
  const isLetter = (one: Expression) => one.kind === "symbol" && one.name.length === 1;
  if (isLetter(a) && isLetter(b)) return (a as { name: string }).name === (b as { name: string }).name;
  return a.kind !== b.kind || JSON.stringify(a, digits) === JSON.stringify(b, digits);
}
const digits = (_: string, value: unknown) => (typeof value === "bigint" ? String(value) : value);

const flipped: Readonly<Partial<Record<Relator, Relator>>> = { "<": ">", ">": "<", "<=": ">=", ">=": "<=" };

/** Left minus right of the one is a constant times that of the other; a negative one turns an inequality. */
export function sameRelation(a: Relation, b: Relation, work: Work): boolean {
  if (a.sides.length !== b.sides.length) return false;
  if (a.sides.length > 2) return sameChain(a, b, work);
  const [first, second] = [a.relators[0]!, b.relators[0]!];
  const ratio = constantRatio(difference(a), difference(b), work);
  if (ratio === undefined) return false;
  const turned = ratio < 0 ? (flipped[second] ?? second) : second;
  return first === turned || (first === "≈" && turned === "=") || (first === "=" && turned === "≈");
}

const difference = ({ sides: [left, right] }: Relation): Expression => ({
  kind: "sum",
  of: [left!, { kind: "negative", of: right! }],
});

function constantRatio(a: Expression, b: Expression, work: Work): number | undefined {
  const ratios = [];
  for (let trial = 0; trial < trials; trial++) {
    const [x, y] = [valueAt(a, { work, trial }), valueAt(b, { work, trial })];
    if (!isFiniteNumber(x) || !isFiniteNumber(y)) continue;
    if (size(x) <= 16 * x.error && size(y) <= 16 * y.error) continue;
    const ratio = divide(x, y);
    if (!isFiniteNumber(ratio) || !isReal(ratio) || size(ratio) === 0) return undefined;
    ratios.push(ratio);
  }
  const [first] = ratios;
  return first !== undefined && ratios.length >= 2 && ratios.every((ratio) => close(ratio, first))
    ? first.re
    : undefined;
}

/** a < b < c, also read from behind. */
function sameChain(a: Relation, b: Relation, work: Work): boolean {
  const same = (sides: readonly Expression[], relators: readonly Relator[]) =>
    a.sides.every((side, index) => sameValue(side, sides[index]!, work)) &&
    a.relators.every((relator, index) => relator === relators[index]);
  const turned = b.relators.map((relator) => flipped[relator] ?? relator).reverse();
  return same(b.sides, b.relators) || same([...b.sides].reverse(), turned);
}
