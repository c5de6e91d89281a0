// Gradients against finite differences, in float64.
//
// For an output y = fn(inputs) of any shape, the check takes the scalar Σ w · y with fixed pseudo-random weights w
// (so that errors of single elements cannot cancel) and compares its gradient, element by element, with
// (fn(x + ε) − fn(x − ε)) / 2ε. The error of the difference is about ε² times the third derivative plus 1e-16 / ε:
// with ε = 1e-6, 1e-7 relative is a safe bound for smooth functions of order 1. Inputs at kinks (relu at 0, ties of a
// maximum) are the caller's to avoid. Each element of each input costs two calls.

import { expect } from "vitest";
import * as t from "../src/index.ts";

export interface GradientCheckOptions {
  /** Step of the difference. */
  epsilon?: number;
  /** Largest |analytic − numeric| / (1 + |numeric|). */
  tolerance?: number;
}

/** Fails the test if a gradient of `fn` with respect to a float64 input is wrong. */
export function checkGradients(
  fn: (...inputs: t.Tensor[]) => t.Tensor,
  inputs: readonly t.Tensor[],
  options: GradientCheckOptions = {},
): void {
  const { epsilon = 1e-6, tolerance = 1e-6 } = options;
  for (const input of inputs) expect(input.dtype, "inputs must be float64").toBe("float64");
  const values = inputs.map((input) => t.toNumbers(input));
  const weigh = (output: t.Tensor): t.Tensor => t.sum(t.mul(output, weightsLike(output)));
  const analytic = t.scope(() => {
    const leaves = inputs.map((input) => t.setRequiresGrad(t.clone(t.detach(input)), true));
    return t.grad(weigh(fn(...leaves)), leaves).map(t.toNumbers);
  });
  const evaluate = (which: number, element: number, change: number): number =>
    t.scope(() =>
      t.noGrad(() => {
        const moved = values.map((list, at) => {
          const copy = Float64Array.from(list);
          if (at === which) copy[element] = copy[element]! + change;
          return t.tensor(copy, inputs[at]!.shape);
        });
        return t.item(weigh(fn(...moved)));
      }),
    );
  values.forEach((list, which) => {
    for (let element = 0; element < list.length; element++) {
      const numeric =
        (evaluate(which, element, epsilon) - evaluate(which, element, -epsilon)) / (2 * epsilon);
      const exact = analytic[which]![element]!;
      const error = Math.abs(exact - numeric) / (1 + Math.abs(numeric));
      const place = `input ${which}, element ${element}: gradient ${exact}, finite difference ${numeric}`;
      expect(error, place).toBeLessThan(tolerance);
    }
  });
}

/** Values on (0.5, 1.5) that depend only on the position. */
function weightsLike(output: t.Tensor): t.Tensor {
  const weights = Float64Array.from({ length: output.size }, (_, i) => 0.5 + ((i * 0.618034 + 0.1) % 1));
  return t.tensor(weights, output.shape);
}

/** A float64 tensor of fixed values on (low, high), different for each seed. */
export function values(shape: readonly number[], seed: number, range: readonly [number, number] = [-1, 1]) {
  const size = shape.reduce((product, length) => product * length, 1);
  const [low, high] = range;
  const fraction = (i: number): number =>
    Math.abs((Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453) % 1);
  return t.tensor(
    Float64Array.from({ length: size }, (_, i) => low + (high - low) * fraction(i)),
    shape,
  );
}
