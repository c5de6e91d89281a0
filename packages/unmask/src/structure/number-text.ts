// Numbers of a shape as JSON text: plain decimals, each value written in one way (no exponent, no zero behind the last
// digit, no −0). Ranges become expressions of digits; what has to be a multiple, or lies in a narrow range, becomes a
// list of up to a few hundred numbers, each checked as a reader would check it.

import { fitsNumber } from "./expand.ts";
import type { Expression, Expressions } from "./expressions.ts";
import { rangesOf } from "./pieces.ts";
import type { NumberShape } from "./shapes.ts";

/** Without a bound, numbers stay within this distance of zero or of the other bound. */
const usualSpan = 999_999_999;
/** Beyond this the doubles around a bound are further apart than its digits say. */
const safest = 1e15;
const mostListed = 200;

/** Undefined if there are none, or none that are found. */
export function numberText(all: Expressions, shape: NumberShape): Expression | undefined {
  const text = (listed(shape) ? undefined : ranges(all, shape)) ?? list(all, shape);
  const others = shape.not
    .filter((one) => typeof one === "number")
    .map((one) => all.not(all.text(write(one))));
  const rest = text === undefined ? undefined : all.and([text, ...others]);
  return rest === undefined || rest === all.none ? undefined : rest;
}

const write = (value: number): string => JSON.stringify(value === 0 ? 0 : value);

/** Whether the shape has more to it than a range with whole numbers in it. */
function listed({ min, max, multiples, notMultiples, not, fractional }: NumberShape): boolean {
  if (multiples.length + notMultiples.length + not.length > 0 || fractional) return true;
  const isFar = [min, max].some((bound) => Number.isFinite(bound) && Math.abs(bound) > safest);
  return isFar || Math.floor(max) - Math.ceil(min) < 1;
}

function list(all: Expressions, shape: NumberShape): Expression | undefined {
  const values = new Set<number>();
  for (const value of candidates(shape)) {
    if (values.size >= mostListed) break;
    if (Number.isFinite(value) && fitsNumber(shape, value)) values.add(value === 0 ? 0 : value);
  }
  return values.size === 0 ? undefined : all.alt([...values].map((value) => all.text(write(value))));
}

function* candidates({ min, max, integer, multiples }: NumberShape): Generator<number> {
  yield* [min, max, 0];
  const [step = 1] = [...multiples].sort((a, b) => b - a);
  const start = Number.isFinite(min) ? min : Number.isFinite(max) ? max : 0;
  const direction = Number.isFinite(min) || !Number.isFinite(max) ? 1 : -1;
  const first = Math.ceil(start / step);
  const tidy = (value: number) => Number(value.toPrecision(15));
  for (let i = -1; i <= 4 * mostListed; i++) yield tidy((first + direction * i) * step);
  if (multiples.length > 1) {
    const product = multiples.reduce((a, b) => a * b, 1);
    for (let i = -1; i <= mostListed; i++) yield tidy((Math.ceil(start / product) + direction * i) * product);
  }
  for (let i = 1; i <= 60; i++) yield* [start + direction * 2 ** i, start * (1 + direction * 2 ** (i - 50))];
  if (integer) return;
  for (let digits = 1; digits <= 12; digits++) {
    const unit = 10 ** digits;
    for (let i = -1; i <= 40; i++) yield (Math.ceil(start * unit) + direction * i) / unit;
  }
}

/** Whole numbers of the range, and decimals between two of them. */
function ranges(all: Expressions, shape: NumberShape): Expression | undefined {
  const { min, max, openMin, openMax, integer } = shape;
  const hasMin = Number.isFinite(min);
  const hasMax = Number.isFinite(max);
  const low = hasMin
    ? Math.ceil(min) + (openMin && Number.isInteger(min) ? 1 : 0)
    : (hasMax ? Math.min(0, Math.floor(max)) : 0) - usualSpan;
  const high = hasMax
    ? Math.floor(max) - (openMax && Number.isInteger(max) ? 1 : 0)
    : (hasMin ? Math.max(0, Math.ceil(min)) : 0) + usualSpan;
  if (low > high) return undefined;
  const minus = all.text("-");
  const texts = [whole(all, Math.max(0, low), high), all.cat(minus, whole(all, Math.max(1, -high), -low))];
  if (!integer) {
    texts.push(
      all.cat(whole(all, Math.max(0, low), high - 1), fraction(all)),
      all.cat(minus, whole(all, Math.max(0, -high), -low - 1), fraction(all)),
    );
  }
  return all.alt(texts);
}

const digit = (from: number, to: number) => rangesOf([[0x30 + from, 0x30 + to]]);

/** A point and up to six digits, the last no zero. */
const fraction = (all: Expressions): Expression =>
  all.cat(all.text("."), all.repeat(all.set(digit(0, 9)), 0, 5), all.set(digit(1, 9)));

/** Whole numbers from … to, both at least 0, without leading zeros; none if from > to. */
function whole(all: Expressions, from: number, to: number): Expression {
  if (from > to) return all.none;
  const parts: Expression[] = [];
  for (let low = from; low <= to; ) {
    const length = String(low).length;
    const high = Math.min(to, 10 ** length - 1);
    parts.push(sameLength(all, String(low), String(high)));
    low = high + 1;
  }
  return all.alt(parts);
}

/** Numbers between two of as many digits. */
function sameLength(all: Expressions, low: string, high: string): Expression {
  if (low === "") return all.empty;
  if (/^0*$/.test(low) && /^9*$/.test(high)) return all.repeat(all.set(digit(0, 9)), low.length, low.length);
  const [first, last] = [Number(low[0]), Number(high[0])];
  const rest = (a: string, b: string) => sameLength(all, a, b);
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  const at = (from: number, to: number, behind: Expression) =>
    from > to ? all.none : all.cat(all.set(digit(from, to)), behind);
  if (first === last) return at(first, first, rest(lowRest, highRest));
  const nines = "9".repeat(lowRest.length);
  const zeros = "0".repeat(lowRest.length);
  return all.alt([
    at(first, first, rest(lowRest, nines)),
    at(first + 1, last - 1, rest(zeros, nines)),
    at(last, last, rest(zeros, highRest)),
  ]);
}
