// Whether two values are the same number or formula. Percent, units and degrees are looked at only where both sides
// have them; a decimal stands for a fraction or a root only as far as its digits were asked for or are many.

import { close, isFiniteNumber, isReal } from "./complex.ts";
import { exactly, positiveTrials, trials, valueAt } from "./evaluate.ts";
import { contains, type Expression, variables } from "./expression.ts";
import * as q from "./rational.ts";
import { unitRatio } from "./units.ts";
import type { Work } from "./work.ts";

interface Stripped {
  readonly value: Expression;
  readonly percent: boolean;
  readonly degrees: boolean;
  readonly unit?: string;
}

/** Takes off what an answer may have or leave out. A minus sign goes back onto the value. */
function strip(expression: Expression): Stripped {
  const { kind } = expression;
  if (kind === "measured") {
    const inner = strip(expression.of);
    if (/^(?:percent\w*|pct)\b/i.test(expression.unit)) return { ...inner, percent: true };
    if (/^(?:degrees?|deg)\b/i.test(expression.unit)) return { ...inner, degrees: true };
    return { ...inner, unit: expression.unit };
  }
  if (kind === "percent") return { ...strip(expression.of), percent: true };
  if (kind === "degrees") return { ...strip(expression.of), degrees: true };
  if (kind === "negative") {
    const inner = strip(expression.of);
    return { ...inner, value: { kind: "negative", of: inner.value } };
  }
  return { value: expression, percent: false, degrees: false };
}

export function sameValue(gold: Expression, response: Expression, work: Work): boolean {
  const [a, b] = [strip(gold), strip(response)];
  const ratio = a.unit !== undefined && b.unit !== undefined ? unitRatio(a.unit, b.unit) : 1;
  if (ratio === undefined) return false;
  if (ratio !== 1) return sameFormula(a.value, scaled(b.value, 1 / ratio), work);
  if (sameFormula(a.value, b.value, work)) return true;
  if (a.percent !== b.percent) {
    const [left, right] = [a, b].map((one) => (one.percent ? hundredth(one.value) : one.value));
    return sameFormula(left!, right!, work);
  }
  if (a.degrees === b.degrees || ![a, b].some(({ value }) => mentions(value, "π"))) return false;
  const [left, right] = [a, b].map(
    (one): Expression => (one.degrees ? { kind: "degrees", of: one.value } : one.value),
  );
  return sameFormula(left!, right!, work);
}

const hundredth = (of: Expression): Expression => ({ kind: "percent", of });

/** By a ratio of units, which is a whole number or one over it. */
function scaled(value: Expression, ratio: number): Expression {
  const whole = BigInt(Math.round(ratio >= 1 ? ratio : 1 / ratio));
  const factor: Expression = { kind: "number", value: { top: whole, bottom: 1n } };
  return ratio >= 1
    ? { kind: "product", of: [value, factor] }
    : { kind: "quotient", top: value, bottom: factor };
}

function mentions(expression: Expression, name: string): boolean {
  return (
    contains(expression, ["symbol"]) &&
    JSON.stringify(expression, (_, part) => (typeof part === "bigint" ? 0 : part)).includes(`"${name}"`)
  );
}

const noValues = ["text", "sequence", "matrix", "relation", "sets", "both"] as const;

/** Exactly where both are fractions, by the digits where one is a decimal, and at several points otherwise. */
export function sameFormula(gold: Expression, response: Expression, work: Work): boolean {
  if (gold.kind === "based" || response.kind === "based") return sameBased(gold, response);
  if (contains(gold, noValues) || contains(response, noValues)) return false;
  const [a, b] = [exactly(gold, work), exactly(response, work)];
  if (a !== undefined && b !== undefined && q.same(a, b)) return true;
  if (sameDecimal(gold, response, work)) return true;
  return a !== undefined && b !== undefined ? false : sameEverywhere(gold, response, work);
}

function sameBased(gold: Expression, response: Expression): boolean {
  if (gold.kind === "based" && response.kind === "based") {
    return gold.digits === response.digits && gold.base === response.base;
  }
  return false;
}

interface Decimal {
  readonly value: q.Rational;
  /** Digits behind the point. */
  readonly places: number;
  /** Digits from the first that is not zero. */
  readonly digits: number;
}

/** A decimal written out, perhaps with a sign and a power of ten. */
function decimal(expression: Expression): Decimal | undefined {
  if (expression.kind === "negative") {
    const inner = decimal(expression.of);
    return inner && { ...inner, value: q.negated(inner.value) };
  }
  if (expression.kind === "number") {
    const { value, decimals } = expression;
    if (decimals === undefined || decimals === 0) return undefined;
    const written = (q.magnitude(value).top * 10n ** BigInt(decimals)) / value.bottom;
    return { value, places: decimals, digits: String(written).length };
  }
  if (expression.kind !== "product" || expression.of.length !== 2) return undefined;
  const [first, second] = expression.of;
  const lead = decimal(first!);
  if (lead === undefined || second!.kind !== "power") return undefined;
  const { base, exponent } = second!;
  const up = exponent.kind === "negative" ? exponent.of : exponent;
  const isTen = base.kind === "number" && q.same(base.value, { top: 10n, bottom: 1n });
  if (!isTen || up.kind !== "number" || !q.isWhole(up.value) || up.value.top > 300n) return undefined;
  const shift = exponent.kind === "negative" ? -Number(up.value.top) : Number(up.value.top);
  const power = q.raised({ top: 10n, bottom: 1n }, { top: BigInt(shift), bottom: 1n });
  const value = power && q.times(lead.value, power);
  return value && { value, places: lead.places - shift, digits: lead.digits };
}

/** Digits that a decimal needs to stand for a gold answer that is none. */
const enoughDigits = 6;

/** A decimal beside a value that is none: is it that value, rounded or cut off at its last digit? */
function sameDecimal(gold: Expression, response: Expression, work: Work): boolean {
  const [a, b] = [decimal(gold), decimal(response)];
  if (a !== undefined && b === undefined && a.places >= 2) return isRounded(a, response, work);
  if (b !== undefined && a === undefined && b.digits >= enoughDigits) return isRounded(b, gold, work);
  return false;
}

function isRounded(written: Decimal, exact: Expression, work: Work): boolean {
  if (variables(exact).size > 0) return false;
  const fraction = exactly(exact, work);
  if (fraction !== undefined && q.isWhole(fraction)) return false;
  if (fraction !== undefined) {
    const distance = q.plus(fraction, q.negated(written.value));
    const unit = q.raised({ top: 10n, bottom: 1n }, { top: BigInt(-written.places), bottom: 1n });
    if (distance === undefined || unit === undefined) return false;
    const isNearest = !q.isLess(unit, q.times(q.magnitude(distance), { top: 2n, bottom: 1n })!);
    const isCut = distance.top > 0n === fraction.top > 0n && q.isLess(q.magnitude(distance), unit);
    return isNearest || (isCut && q.isLess(q.zero, q.magnitude(written.value)));
  }
  const value = valueAt(exact, { work, trial: 0 });
  if (!isFiniteNumber(value) || !isReal(value)) return false;
  const distance = value.re - q.toNumber(written.value);
  const unit = 10 ** -written.places;
  const slack = 1e-12 * Math.abs(value.re);
  return (
    Math.abs(distance) <= 0.5 * unit + slack || (distance > 0 === value.re > 0 && Math.abs(distance) < unit)
  );
}

/** Equal at every point where both have a value, and there are enough of those. */
export function sameEverywhere(a: Expression, b: Expression, work: Work): boolean {
  const free = new Set([...variables(a), ...variables(b)]);
  if (
    free.size > 0 &&
    String([...variables(a)].sort()) !== String([...variables(b)].sort()) &&
    !cancels(a, b)
  ) {
    return false;
  }
  let compared = 0;
  for (let trial = 0; trial < (free.size === 0 ? 1 : trials); trial++) {
    const [x, y] = [valueAt(a, { work, trial }), valueAt(b, { work, trial })];
    const isInfinite = [x, y].every(({ re, im }) => Math.abs(re) === Number.POSITIVE_INFINITY && im === 0);
    if (isInfinite && x.re === y.re && free.size === 0) return mentions(a, "∞") && mentions(b, "∞");
    if (!isFiniteNumber(x) || !isFiniteNumber(y)) continue;
    // With negative numbers, roots and logarithms leave the real line, each in its own way.
    if (trial >= positiveTrials && !(isReal(x) && isReal(y))) continue;
    if (!close(x, y)) return false;
    compared++;
  }
  return compared >= (free.size === 0 ? 1 : 2);
}

/** A variable that one side has not may fall out of the other only where there is something to cancel. */
function cancels(a: Expression, b: Expression): boolean {
  return [a, b].some((one) => contains(one, ["sum", "quotient", "product", "power", "call"]));
}
