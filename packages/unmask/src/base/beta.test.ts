import { describe, expect, it } from "vitest";
import { chiSquare, chiSquareLimit } from "../../test/oracle/chi-square.ts";
import { betaDensity, drawBeta } from "./beta.ts";
import { generator, streams } from "./rng.ts";

const drawn = (a: number, b: number, count: number): number[] =>
  Array.from({ length: count }, (_, sequence) =>
    drawBeta(a, b, generator({ seed: 5, stream: streams.time, sequence, step: 0 })),
  );

/** P(Beta(a, b) < x): at least a of a + b − 1 uniform numbers lie below x. */
function distribution(a: number, b: number, x: number): number {
  const n = a + b - 1;
  let sum = 0;
  for (let k = a; k <= n; k++) {
    let ways = 1;
    for (let i = 0; i < k; i++) ways *= (n - i) / (i + 1);
    sum += ways * x ** k * (1 - x) ** (n - k);
  }
  return sum;
}

describe.each([
  [1, 1],
  [2, 2],
  [5, 2],
  [2, 5],
  [5, 5],
  [9, 1],
])("Beta(%i, %i)", (a, b) => {
  it("draws agree with its distribution (Kolmogorov–Smirnov, chi-square)", () => {
    const count = 4000;
    const values = drawn(a, b, count).sort((x, y) => x - y);
    const gaps = values.map((x, i) => {
      const exact = distribution(a, b, x);
      return Math.max(exact - i / count, (i + 1) / count - exact);
    });
    expect(Math.max(...gaps)).toBeLessThan(2.23 / Math.sqrt(count)); // exceeded once in 10,000
    const cells = 20;
    const observed = Array<number>(cells).fill(0);
    for (const x of values) observed[Math.floor(x * cells)]!++;
    const chances = observed.map(
      (_, i) => distribution(a, b, (i + 1) / cells) - distribution(a, b, i / cells),
    );
    const { statistic, degrees } = chiSquare(observed, chances);
    expect(statistic).toBeLessThan(chiSquareLimit(degrees));
  });

  it("has a density that is the slope of its distribution", () => {
    for (const x of [0.02, 0.3, 0.5, 0.81, 0.98]) {
      const slope = (distribution(a, b, x + 1e-5) - distribution(a, b, x - 1e-5)) / 2e-5;
      expect(betaDensity(a, b, x)).toBeCloseTo(slope, 6);
    }
  });
});

it("a draw takes a + b − 1 numbers, whatever they are", () => {
  let taken = 0;
  expect(drawBeta(2, 3, () => [0.9, 0.1, 0.5, 0.3][taken++]!)).toBe(0.3);
  expect(taken).toBe(4);
});

it("refuses parameters that are no whole numbers from 1", () => {
  for (const [a, b] of [
    [0, 1],
    [1, 0.5],
    [Number.NaN, 2],
  ] as const) {
    expect(() => drawBeta(a, b, () => 0.5)).toThrow(RangeError);
    expect(() => betaDensity(a, b, 0.5)).toThrow(RangeError);
  }
});
