// The beta distribution with whole parameters.
//
// Beta(a, b) is the law of the a-th smallest of a + b − 1 uniform numbers: exact, without rejection, and with a fixed
// number of draws, so that a draw's coordinates never depend on earlier ones.
//   density  x^(a−1) (1 − x)^(b−1) · (a + b − 1)! / ((a − 1)! (b − 1)!)
// Smoke test: Beta(2, 2) has density 1.5 at 1/2; Beta(1, 1) is uniform.

/** One draw; `next` gives uniform numbers in [0, 1) and is called a + b − 1 times. */
export function drawBeta(a: number, b: number, next: () => number): number {
  check(a, b);
  const uniforms = Float64Array.from({ length: a + b - 1 }, next).sort();
  return uniforms[a - 1]!;
}

export function betaDensity(a: number, b: number, x: number): number {
  check(a, b);
  let factor = 1;
  for (let k = 1; k < b; k++) factor *= (a - 1 + k) / k; // (a + b − 2)! / ((a − 1)! (b − 1)!)
  return factor * (a + b - 1) * x ** (a - 1) * (1 - x) ** (b - 1);
}

function check(a: number, b: number): void {
  const whole = [a, b].every((one) => Number.isInteger(one) && one >= 1);
  if (!whole) throw new RangeError(`Beta(${a}, ${b}): both parameters must be whole numbers from 1`);
}
