import { describe, expect, it } from "vitest";
import { logLinear, nelboWeight, revealProbability, sigma } from "./schedule.ts";
import { smallestTime, stratifiedTime } from "./time.ts";

const noise = logLinear();
const times = [0.001, 0.01, 0.25, 0.5, 0.75, 1];

describe("the log-linear schedule", () => {
  it("goes from 1 to 0.001", () => {
    expect(noise.alpha(0)).toBe(1);
    expect(noise.alpha(1)).toBeCloseTo(0.001, 15);
    expect(sigma(noise, 0)).toBeCloseTo(0, 15);
    expect(sigma(noise, 1)).toBeCloseTo(6.907755, 6);
    expect(logLinear(0.1).alpha(1)).toBeCloseTo(0.1, 15);
  });

  it.each(times)("has the derivative of its alpha at %s", (t) => {
    const h = 1e-6;
    expect((noise.alpha(t + h) - noise.alpha(t - h)) / (2 * h)).toBeCloseTo(noise.alphaDerivative(t), 8);
  });

  it.each(times)("weighs the loss by exactly 1/t at %s", (t) => {
    expect(nelboWeight(noise, t) * t).toBeCloseTo(1, 12);
  });

  it.each([
    [1, 0],
    [1, 0.5],
    [0.5, 0.25],
    [0.002, 0.001],
  ])("reveals a share of (t − s) / t from %s to %s, and all of it at 0", (t, s) => {
    const [at, as] = [noise.alpha(t), noise.alpha(s)];
    expect(revealProbability(noise, t, s)).toBeCloseTo((as - at) / (1 - at), 15);
    expect(revealProbability(noise, t, s)).toBeCloseTo((t - s) / t, 9);
  });

  it("reveals as much in two steps as in one", () => {
    const stay = (t: number, s: number) => 1 - revealProbability(noise, t, s);
    expect(stay(0.9, 0.5) * stay(0.5, 0.2)).toBeCloseTo(stay(0.9, 0.2), 12);
  });
});

describe("stratifiedTime", () => {
  it("puts one time into each of n equal parts of [ε, 1]", () => {
    for (const uniform of [0, 0.3, 1 - 2 ** -24]) {
      const drawn = Array.from({ length: 8 }, (_, i) => stratifiedTime(i, 8, uniform));
      drawn.forEach((t, i) => {
        const place = (8 * (t - smallestTime)) / (1 - smallestTime);
        expect(place).toBeGreaterThanOrEqual(i - 1e-9);
        expect(place).toBeLessThan(i + 1);
      });
    }
  });

  it("reaches from ε to just below 1, and no further", () => {
    expect(stratifiedTime(0, 4, 0)).toBe(smallestTime);
    const last = stratifiedTime(3, 4, 1 - 2 ** -24);
    expect(last).toBeGreaterThan(1 - 1e-6);
    expect(last).toBeLessThan(1);
    expect(stratifiedTime(0, 1, 0, { smallest: 0.2 })).toBe(0.2);
    expect(stratifiedTime(0, 2, 0.5, { smallest: 0.2 })).toBeCloseTo(0.4, 15);
  });

  it("wraps where a worker numbers its examples on beyond the batch", () => {
    expect(stratifiedTime(11, 8, 0.5)).toBeCloseTo(stratifiedTime(3, 8, 0.5), 12);
  });
});
