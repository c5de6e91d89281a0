// Complex numbers in floating point, each with a bound of its rounding error: two values are told apart where they
// differ by more than they can be wrong.

export interface Complex {
  readonly re: number;
  readonly im: number;
  /** About how far from the truth at most. */
  readonly error: number;
}

const epsilon = 2 ** -52;

export function complex(re: number, im = 0, error = 0): Complex {
  return { re, im, error: error + epsilon * Math.hypot(re, im) };
}

export const size = ({ re, im }: Complex): number => Math.hypot(re, im);
export const isFiniteNumber = ({ re, im }: Complex): boolean => Number.isFinite(re) && Number.isFinite(im);
export const isReal = (a: Complex): boolean => Math.abs(a.im) <= 1e-10 * Math.abs(a.re) + 4 * a.error;
export const notANumber: Complex = { re: Number.NaN, im: Number.NaN, error: 0 };

export const add = (a: Complex, b: Complex) => complex(a.re + b.re, a.im + b.im, a.error + b.error);
export const minus = (a: Complex): Complex => ({ re: -a.re, im: -a.im, error: a.error });

export function multiply(a: Complex, b: Complex): Complex {
  // Infinity times a real number has no imaginary part.
  if (a.im === 0 && b.im === 0) return complex(a.re * b.re, 0, size(a) * b.error + size(b) * a.error);
  return complex(
    a.re * b.re - a.im * b.im,
    a.re * b.im + a.im * b.re,
    size(a) * b.error + size(b) * a.error + a.error * b.error,
  );
}

export function divide(a: Complex, b: Complex): Complex {
  const square = b.re * b.re + b.im * b.im;
  const distance = Math.sqrt(square);
  // A divisor that may be zero: the quotient is not known.
  if (distance <= 4 * b.error) return notANumber;
  const error = a.error / distance + (size(a) * b.error) / square;
  if (a.im === 0 && b.im === 0) return complex(a.re / b.re, 0, error);
  return complex((a.re * b.re + a.im * b.im) / square, (a.im * b.re - a.re * b.im) / square, error);
}

export function exponential(a: Complex): Complex {
  const length = Math.exp(a.re);
  return complex(
    length * Math.cos(a.im),
    a.im === 0 ? 0 : length * Math.sin(a.im),
    length * (a.error + epsilon * size(a)),
  );
}

export function logarithm(a: Complex): Complex {
  if (size(a) === 0) return notANumber;
  return complex(Math.log(size(a)), Math.atan2(a.im, a.re), a.error / size(a));
}

export function power(base: Complex, exponent: Complex): Complex {
  if (size(base) <= 4 * base.error) {
    return exponent.re > 0 ? complex(0, 0, base.error ** Math.min(1, exponent.re)) : notANumber;
  }
  if (exponent.im === 0 && Number.isInteger(exponent.re) && Math.abs(exponent.re) <= 64) {
    let result = complex(1);
    for (let count = Math.abs(exponent.re); count > 0; count--) result = multiply(result, base);
    return exponent.re < 0 ? divide(complex(1), result) : result;
  }
  if (base.im === 0 && base.re > 0 && exponent.im === 0) {
    const value = base.re ** exponent.re;
    const relative =
      Math.abs(exponent.re) * (base.error / base.re) + Math.abs(Math.log(base.re)) * exponent.error;
    return complex(value, 0, Math.abs(value) * relative + Math.abs(value * exponent.re) * epsilon);
  }
  return exponential(multiply(exponent, logarithm(base)));
}

/** The real root where there is one, as of −8 the cube root −2; otherwise the principal one. */
export function root(of: Complex, index: Complex): Complex {
  const odd = index.im === 0 && Number.isInteger(index.re) && Math.abs(index.re % 2) === 1;
  if (odd && of.im === 0 && of.re < 0) return minus(root(minus(of), index));
  if (index.re === 2 && index.im === 0 && of.im === 0) {
    const length = Math.sqrt(Math.abs(of.re));
    const error = length > 0 ? of.error / length : Math.sqrt(of.error);
    return of.re >= 0 ? complex(length, 0, error) : complex(0, length, error);
  }
  return power(of, divide(complex(1), index));
}

/** The true values are the same, as far as floating point can tell. */
export function close(a: Complex, b: Complex): boolean {
  if (!isFiniteNumber(a) || !isFiniteNumber(b)) return false;
  const distance = Math.hypot(a.re - b.re, a.im - b.im);
  const scale = Math.max(size(a), size(b));
  const doubt = 16 * (a.error + b.error);
  // Where the errors are as large as the values, nothing is known.
  return doubt < 1e-4 * scale || scale < 1e-6 ? distance <= 1e-11 * scale + doubt : false;
}
