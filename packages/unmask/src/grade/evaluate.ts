// The value of an expression: exactly as a fraction where it has one, and in floating point at points that stand in
// for its variables.

import * as c from "./complex.ts";
import type { Expression } from "./expression.ts";
import * as q from "./rational.ts";
import { spend, type Work } from "./work.ts";

/** The exact value, if it is made of whole numbers with + − × ÷, powers and factorials. */
export function exactly(expression: Expression, work: Work): q.Rational | undefined {
  spend(work);
  const of = (part: Expression) => exactly(part, work);
  const both = (
    a: Expression,
    b: Expression,
    operate: (x: q.Rational, y: q.Rational) => q.Rational | undefined,
  ) => {
    const [x, y] = [of(a), of(b)];
    return x === undefined || y === undefined ? undefined : operate(x, y);
  };
  switch (expression.kind) {
    case "number":
      return expression.value;
    case "sum":
      return expression.of.reduce<q.Rational | undefined>((sum, part) => onto(sum, of(part), q.plus), q.zero);
    case "product":
      return expression.of.reduce<q.Rational | undefined>((all, part) => onto(all, of(part), q.times), q.one);
    case "quotient":
      return both(expression.top, expression.bottom, q.over);
    case "power":
      return both(expression.base, expression.exponent, q.raised);
    case "negative": {
      const value = of(expression.of);
      return value && q.negated(value);
    }
    case "percent": {
      const value = of(expression.of);
      return value && q.over(value, { top: 100n, bottom: 1n });
    }
    case "measured":
      return of(expression.of);
    case "call":
      return exactCall(expression.name, expression.of.map(of));
    case "ratio":
      return expression.of.length === 2 ? both(expression.of[0]!, expression.of[1]!, q.over) : undefined;
    default:
      return undefined;
  }
}

function onto(
  left: q.Rational | undefined,
  right: q.Rational | undefined,
  operate: (a: q.Rational, b: q.Rational) => q.Rational | undefined,
) {
  return left === undefined || right === undefined ? undefined : operate(left, right);
}

function exactCall(
  name: string,
  [first, second]: readonly (q.Rational | undefined)[],
): q.Rational | undefined {
  if (first === undefined) return undefined;
  if (name === "abs") return q.magnitude(first);
  if (name === "factorial") return q.factorial(first);
  if (name === "binomial" && second !== undefined) return q.binomial(first, second);
  if (name === "floor" || name === "ceil") {
    const below = first.top / first.bottom - (first.top < 0n && first.top % first.bottom !== 0n ? 1n : 0n);
    return q.rational(name === "floor" || q.isWhole(first) ? below : below + 1n);
  }
  return undefined;
}

export interface Point {
  readonly work: Work;
  /** Which of the points; variables take their values from it. */
  readonly trial: number;
  /** Values that are set, by name. */
  readonly given?: ReadonlyMap<string, number>;
}

/** Not a number where it has no value: divisions by zero, text, sets. */
export function valueAt(expression: Expression, point: Point): c.Complex {
  spend(point.work);
  const of = (part: Expression) => valueAt(part, point);
  switch (expression.kind) {
    case "number":
      return c.complex(q.toNumber(expression.value));
    case "symbol":
      return symbolAt(expression.name, point);
    case "sum":
      return expression.of.map(of).reduce(c.add);
    case "product":
      return expression.of.map(of).reduce(c.multiply);
    case "quotient":
      return c.divide(of(expression.top), of(expression.bottom));
    case "power":
      return c.power(of(expression.base), of(expression.exponent));
    case "negative":
      return c.minus(of(expression.of));
    case "percent":
      return c.multiply(of(expression.of), c.complex(0.01));
    case "degrees":
      return c.multiply(of(expression.of), c.complex(Math.PI / 180));
    case "measured":
      return of(expression.of);
    case "ratio":
      return expression.of.length === 2
        ? c.divide(of(expression.of[0]!), of(expression.of[1]!))
        : c.notANumber;
    case "call":
      return callAt(expression.name, expression.of, point);
    // A list among terms stands for itself alone; one that is compared as a whole never comes here.
    default:
      return c.notANumber;
  }
}

const constants: Readonly<Record<string, c.Complex>> = {
  π: c.complex(Math.PI),
  e: c.complex(Math.E),
  i: c.complex(0, 1),
  "∞": { re: Number.POSITIVE_INFINITY, im: 0, error: 0 },
};

function symbolAt(name: string, { trial, given }: Point): c.Complex {
  const set = given?.get(name);
  if (set !== undefined) return c.complex(set);
  return Object.hasOwn(constants, name) ? constants[name]! : c.complex(spot(name, trial));
}

/** Where the variables stand in each trial; the last two reach negative numbers. */
const ranges: readonly (readonly [from: number, to: number])[] = [
  [0.05, 0.95],
  [0.3, 3],
  [0.4, 2],
  [4, 20],
  [-0.9, -0.1],
  [-4, 4],
];
export const trials = ranges.length;
export const positiveTrials = 4;

/** The same for a name and a trial wherever it is asked: no state, no clock. */
function spot(name: string, trial: number): number {
  let hash = 2166136261 ^ (trial * 0x9e3779b1);
  for (const character of `${name}#${trial}`) hash = Math.imul(hash ^ character.codePointAt(0)!, 16777619);
  for (let round = 0; round < 3; round++) hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  const [from, to] = ranges[trial % trials]!;
  return from + ((hash >>> 0) / 2 ** 32) * (to - from);
}

function callAt(name: string, list: readonly Expression[], point: Point): c.Complex {
  const values = list.map((part) =>
    part.kind === "relation" ? valueAt(part.sides.at(-1)!, point) : valueAt(part, point),
  );
  const [first, second] = values;
  if (first === undefined) return c.notANumber;
  if (name === "root") return c.root(first, second ?? c.complex(2));
  if (name === "log") return c.divide(c.logarithm(first), c.logarithm(second ?? c.complex(10)));
  if (name === "max" || name === "min") return c.complex(Math[name](...values.map(({ re }) => re)));
  if (name.startsWith("\\")) return opaque(name, values, point);
  if (name === "binomial") return second === undefined ? c.notANumber : choose(first, second);
  return Object.hasOwn(elementary, name) ? elementary[name]!(first) : c.notANumber;
}

/** Sums and integrals: a fixed mixture of the values of their parts, equal for equal parts. */
function opaque(name: string, values: readonly c.Complex[], point: Point): c.Complex {
  return values
    .map((value, index) =>
      c.multiply(value, c.complex(spot(`${name}${index}/${values.length}`, point.trial))),
    )
    .reduce(c.add);
}

function choose(from: c.Complex, take: c.Complex): c.Complex {
  return c.divide(gamma(from), c.multiply(gamma(take), gamma(c.add(from, c.minus(take)))));
}

/** Γ(x + 1), by Stirling's series from x + 12 on. */
function gamma(a: c.Complex): c.Complex {
  if (a.im !== 0 || a.re < 0 || a.re > 150) return c.notANumber;
  let divisor = 1;
  for (let step = 1; step <= 12; step++) divisor *= a.re + step;
  const x = a.re + 13;
  const series = 1 / (12 * x) - 1 / (360 * x ** 3) + 1 / (1260 * x ** 5) - 1 / (1680 * x ** 7);
  const value = Math.exp((x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series) / divisor;
  return c.complex(value, 0, 1e-12 * value);
}

const real =
  (compute: (x: number) => number, slope: (x: number) => number = () => 1) =>
  (a: c.Complex): c.Complex =>
    c.isReal(a) ? c.complex(compute(a.re), 0, a.error * Math.abs(slope(a.re))) : c.notANumber;

const sine = (a: c.Complex): c.Complex => {
  if (a.im === 0) return c.complex(Math.sin(a.re), 0, a.error);
  const turned = c.multiply(a, c.complex(0, 1));
  return c.divide(c.add(c.exponential(turned), c.minus(c.exponential(c.minus(turned)))), c.complex(0, 2));
};
const cosine = (a: c.Complex): c.Complex => {
  if (a.im === 0) return c.complex(Math.cos(a.re), 0, a.error);
  const turned = c.multiply(a, c.complex(0, 1));
  return c.divide(c.add(c.exponential(turned), c.exponential(c.minus(turned))), c.complex(2));
};
const unit = c.complex(1);

const elementary: Readonly<Record<string, (a: c.Complex) => c.Complex>> = {
  sin: sine,
  cos: cosine,
  tan: (a) => c.divide(sine(a), cosine(a)),
  cot: (a) => c.divide(cosine(a), sine(a)),
  sec: (a) => c.divide(unit, cosine(a)),
  csc: (a) => c.divide(unit, sine(a)),
  arcsin: real(Math.asin, (x) => 1 / Math.sqrt(1 - x * x || 1e-16)),
  arccos: real(Math.acos, (x) => 1 / Math.sqrt(1 - x * x || 1e-16)),
  arctan: real(Math.atan),
  sinh: real(Math.sinh, Math.cosh),
  cosh: real(Math.cosh, Math.sinh),
  tanh: real(Math.tanh),
  exp: c.exponential,
  ln: c.logarithm,
  abs: (a) => c.complex(c.size(a), 0, a.error),
  factorial: gamma,
  floor: real(Math.floor, () => 0),
  ceil: real(Math.ceil, () => 0),
};
