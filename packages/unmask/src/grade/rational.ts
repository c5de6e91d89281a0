// Exact fractions of whole numbers of any size. Operations that would grow past `bitLimit` return undefined: the
// caller then goes on with floating point.

export interface Rational {
  readonly top: bigint;
  /** Positive, and without a common divisor with `top`. */
  readonly bottom: bigint;
}

const bitLimit = 40_000;

function commonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

export function rational(top: bigint, bottom = 1n): Rational | undefined {
  if (bottom === 0n) return undefined;
  if (bits(top) > bitLimit || bits(bottom) > bitLimit) return undefined;
  const sign = bottom < 0n ? -1n : 1n;
  const divisor = commonDivisor(top, bottom * sign) * sign;
  return { top: top / divisor, bottom: bottom / divisor };
}

/** About; cheap. */
function bits(value: bigint): number {
  return 4 * value.toString(16).length;
}

/** Of digits with at most one point and perhaps an exponent: "12", ".5", "1.50", "2e-3". */
export function fromDecimal(text: string): Rational | undefined {
  const [, whole = "", fraction = "", exponent = "0"] =
    /^(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  if (whole === "" && fraction === "") return undefined;
  const power = Number(exponent) - fraction.length;
  if (Math.abs(power) > 2_000) return undefined;
  const digits = BigInt(whole + fraction);
  return power >= 0 ? rational(digits * 10n ** BigInt(power)) : rational(digits, 10n ** BigInt(-power));
}

export const plus = (a: Rational, b: Rational) =>
  rational(a.top * b.bottom + b.top * a.bottom, a.bottom * b.bottom);
export const times = (a: Rational, b: Rational) => rational(a.top * b.top, a.bottom * b.bottom);
export const over = (a: Rational, b: Rational) => rational(a.top * b.bottom, a.bottom * b.top);
export const negated = (a: Rational): Rational => ({ top: -a.top, bottom: a.bottom });
export const same = (a: Rational, b: Rational): boolean => a.top === b.top && a.bottom === b.bottom;
export const isWhole = (a: Rational): boolean => a.bottom === 1n;
export const magnitude = (a: Rational): Rational => (a.top < 0n ? negated(a) : a);
export const isLess = (a: Rational, b: Rational): boolean => a.top * b.bottom < b.top * a.bottom;
export const one: Rational = { top: 1n, bottom: 1n };
export const zero: Rational = { top: 0n, bottom: 1n };

/** For a whole exponent. */
export function raised(base: Rational, exponent: Rational): Rational | undefined {
  if (!isWhole(exponent)) return undefined;
  const count = exponent.top < 0n ? -exponent.top : exponent.top;
  const size = Math.max(bits(base.top), bits(base.bottom));
  if (count > 100_000n || size * Number(count) > bitLimit) return undefined;
  const power = { top: base.top ** count, bottom: base.bottom ** count };
  return exponent.top < 0n ? rational(power.bottom, power.top) : power;
}

/** The nearest double, also when top and bottom are each beyond what doubles hold. */
export function toNumber({ top, bottom }: Rational): number {
  const direct = Number(top) / Number(bottom);
  if (Number.isFinite(direct) && (direct !== 0 || top === 0n)) return direct;
  const shift = bits(top) - bits(bottom);
  const scaled =
    shift > 0
      ? Number((top << 64n) / (bottom << BigInt(shift)))
      : Number((top << BigInt(64 - shift)) / bottom);
  return scaled * 2 ** (shift - 64);
}

export function factorial(count: Rational): Rational | undefined {
  if (!isWhole(count) || count.top < 0n || count.top > 3_000n) return undefined;
  let product = 1n;
  for (let factor = 2n; factor <= count.top; factor++) product *= factor;
  return rational(product);
}

export function binomial(from: Rational, take: Rational): Rational | undefined {
  if (!isWhole(from) || !isWhole(take) || take.top < 0n || from.top < take.top || from.top > 3_000n) return;
  let result = 1n;
  for (let index = 1n; index <= take.top; index++) result = (result * (from.top - take.top + index)) / index;
  return rational(result);
}
