// Uniform noise as the argmax of Gaussian noise (Sahoo et al. 2025, "The diffusion duality", section 3): a token x is
// e_x in R^V, and what is seen at time t is
//
//   z_t = argmax( a_t e_x + s_t ε ),   ε ~ N(0, 1)^V,   a_t / s_t = μ_t = e^(−γ_t / 2),  γ_t = γ_0 + t (γ_1 − γ_0)
//
// which is x with probability P(μ), and any other token alike: uniform noise with alpha = (V P − 1) / (V − 1). Looked at
// with one ε, two times are two points of one path, along which a consistency loss runs.
//
// Nobody needs V normal numbers for that. With M the largest of the other V − 1 and u its place, z_t is x while
// M − ε_x < μ_t, and u from then on, at every t alike. M has the quantile Φ⁻¹(U^(1/(V−1))): three numbers a position.
//
//   P(μ) = ∫ φ(y − μ) Φ(y)^(V−1) dy          (trapezoids: the integrand is smooth and dies out at both ends)
//
// Smoke test: alpha of μ = 0 is 0; the published run (V = 50,257) goes from 0.9987 at t = 0 to 0.0062 at t = 1.

const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

const [lowest, highest, perUnit] = [-10, 20, 256];

/** alpha of uniform noise by the ratio μ of signal and noise, for a vocabulary. */
export function gaussianAlpha(vocabularySize: number): (mu: number) => number {
  const V = vocabularySize;
  const count = (highest - lowest) * perUnit + 1;
  const at = (i: number) => lowest + i / perUnit;
  // Φ^(V−1) from the tail 1 − Φ, which is added up from the right: exact where Φ is near 1.
  const power = new Float64Array(count).fill(1);
  let tail = 0;
  for (let i = count - 2; i >= 0; i--) {
    const [left, middle, right] = [at(i), at(i + 0.5), at(i + 1)];
    tail += (density(left) + 4 * density(middle) + density(right)) / (6 * perUnit);
    power[i] = Math.exp((V - 1) * Math.log1p(-Math.min(tail, 1)));
  }
  return (mu) => {
    let kept = 0;
    for (let i = 0; i < count; i++) kept += density(at(i) - mu) * power[i]!;
    return Math.max(0, (V * (kept / perUnit) - 1) / (V - 1));
  };
}

/** Ratio of signal and noise at time t. */
export const gaussianRatio = (t: number, gammas: { min: number; max: number }): number =>
  Math.exp(-(gammas.min + t * (gammas.max - gammas.min)) / 2);

/** The ratio below which a token is lost to noise: the largest other number less its own. Of three numbers in [0, 1). */
export function lossRatio(own: number, largest: number, vocabularySize: number): number {
  const smallest = 2 ** -54;
  const tail = -Math.expm1(Math.log(Math.max(largest, smallest)) / (vocabularySize - 1));
  return normalTailQuantile(tail) - normalTailQuantile(1 - Math.min(Math.max(own, smallest), 1 - smallest));
}

/** The token that noise puts in the place of `token`, of a number in [0, 1): any other. */
export const otherToken = (token: number, choice: number, vocabularySize: number): number => {
  const other = Math.floor(choice * (vocabularySize - 1));
  return other < token ? other : other + 1;
};

/** x with P(N(0, 1) > x) = q, to about 1e-15 (Wichura 1988, AS 241: rational in three ranges). */
export function normalTailQuantile(q: number): number {
  const centred = 0.5 - q;
  if (Math.abs(centred) <= 0.425) return centred * ratio(central, 0.180625 - centred * centred);
  const root = Math.sqrt(-Math.log(Math.min(q, 1 - q)));
  const size = root <= 5 ? ratio(middle, root - 1.6) : ratio(far, root - 5);
  return q < 0.5 ? size : -size;
}

type Rational = readonly [numerator: readonly number[], denominator: readonly number[]];

const ratio = ([numerator, denominator]: Rational, x: number): number =>
  horner(numerator, x) / horner(denominator, x);
const horner = (coefficients: readonly number[], x: number): number =>
  coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);

const central: Rational = [
  [
    ...[3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946],
    ...[45921.95393154987, 67265.7709270087, 33430.57558358813, 2509.0809287301227],
  ],
  [
    ...[1, 42.31333070160091, 687.1870074920579, 5394.196021424751],
    ...[21213.794301586597, 39307.89580009271, 28729.085735721943, 5226.495278852854],
  ],
];
const middle: Rational = [
  [
    ...[1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045],
    ...[1.2704582524523684, 0.2417807251774506, 0.022723844989269184, 0.0007745450142783414],
  ],
  [
    ...[1, 2.053191626637759, 1.6763848301838038, 0.6897673349851],
    ...[0.14810397642748008, 0.015198666563616457, 0.0005475938084995345, 1.0507500716444169e-9],
  ],
];
const far: Rational = [
  [
    ...[6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487],
    ...[0.026532189526576124, 0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7],
  ],
  [
    ...[1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615],
    ...[0.0007868691311456133, 1.8463183175100548e-5, 1.421511758316446e-7, 2.0442631033899397e-15],
  ],
];
