import { describe, expect, it } from "vitest";
import { chiSquare, chiSquareLimit } from "../../test/oracle/chi-square.ts";
import { generator, streams } from "../base/rng.ts";
import {
  gaussianAlpha,
  gaussianRatio,
  lossRatio,
  normalTailQuantile,
  otherToken,
} from "./gaussian-argmax.ts";

/** P(N(0, 1) > x) by Simpson's rule. */
function tail(x: number): number {
  const [count, end] = [20_000, x + 12];
  const h = (end - x) / count;
  let sum = 0;
  for (let i = 0; i <= count; i++) {
    const weight = i === 0 || i === count ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * Math.exp(-((x + i * h) ** 2) / 2);
  }
  return (sum * h) / 3 / Math.sqrt(2 * Math.PI);
}

describe("normalTailQuantile", () => {
  it.each([-3.7, -1.2, -0.3, 0, 0.4, 1, 2.5, 4.3, 5.9, 7.5, 9.2])("inverts the tail at %d", (x) => {
    expect(normalTailQuantile(tail(x))).toBeCloseTo(x, 9);
  });
});

describe("gaussianAlpha", () => {
  it("is 0 without signal, near 1 with much, and grows with it", () => {
    for (const V of [2, 11, 50_257]) {
      const alpha = gaussianAlpha(V);
      expect(alpha(0)).toBeCloseTo(0, 9);
      expect(alpha(11)).toBeCloseTo(1, 9);
      const values = Array.from({ length: 30 }, (_, i) => alpha(i / 3));
      expect(values).toEqual([...values].sort((a, b) => a - b));
    }
  });

  it("for two tokens is the probability that a difference of two normals stays below μ", () => {
    // z = x where ε_u − ε_x < μ: P = Φ(μ / √2), alpha = 2 P − 1.
    const alpha = gaussianAlpha(2);
    for (const mu of [0.2, 1, 2.7]) expect(alpha(mu)).toBeCloseTo(1 - 2 * tail(mu / Math.SQRT2), 10);
  });

  it("spans the published run", () => {
    const alpha = gaussianAlpha(50_257);
    const at = (t: number) => alpha(gaussianRatio(t, { min: -4, max: -1 }));
    expect(at(0)).toBeCloseTo(0.998, 2);
    expect(at(1)).toBeLessThan(0.01);
  });
});

describe("three numbers a position", () => {
  const V = 5;
  const next = generator({ seed: 3, stream: streams.corruption, sequence: 0, step: 0 });
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const [early, late] = [1.4, 0.6]; // μ at s and at t > s
  /** Token at s and token at t as one outcome; the true token is 2. */
  const outcome = (s: number, t: number) => s * V + t;

  it("are in law the argmax of V normal numbers at two times", () => {
    const rounds = 20_000;
    const seen = new Array<number>(V * V).fill(0);
    const direct = new Array<number>(V * V).fill(0);
    for (let i = 0; i < rounds; i++) {
      const lost = lossRatio(next(), next(), V);
      const other = otherToken(2, next(), V);
      const at = (mu: number) => (lost < mu ? 2 : other);
      seen[outcome(at(early), at(late))]!++;
      const noise = Array.from({ length: V }, normal);
      const argmax = (mu: number) => {
        const values = noise.map((one, token) => one + (token === 2 ? mu : 0));
        return values.indexOf(Math.max(...values));
      };
      direct[outcome(argmax(early), argmax(late))]!++;
    }
    const possible = direct.map((count, i) => ({ count, i })).filter(({ count }) => count > 0);
    expect(seen.filter((count, i) => count > 0 && direct[i] === 0)).toEqual([]);
    // Two samples of one law: their difference has twice the variance.
    const statistic = possible.reduce(
      (sum, { count, i }) => sum + (seen[i]! - count) ** 2 / (seen[i]! + count),
      0,
    );
    expect(statistic).toBeLessThan(chiSquareLimit(possible.length - 1));
    expect(possible).toHaveLength(9); // kept twice; kept, then lost to one of four; lost to one of four for good
    const alpha = gaussianAlpha(V)(late);
    const marginal = Array.from({ length: V }, (_, t) =>
      seen.filter((_, i) => i % V === t).reduce((a, b) => a + b, 0),
    );
    const law = Array.from({ length: V }, (_, t) => (t === 2 ? alpha : 0) + (1 - alpha) / V);
    expect(chiSquare(marginal, law).statistic).toBeLessThan(chiSquareLimit(V - 1));
  });
});
