import { describe, expect, it } from "vitest";
import { uniform } from "../base/rng.ts";
import { meanInterval, wilson } from "./intervals.ts";

describe("wilson", () => {
  // Wilson score intervals at z = 1.959964; 8/10 and 1/10 are in Newcombe 1998 and most tables.
  it.each([
    [8, 10, 0.49016, 0.94332],
    [1, 10, 0.01788, 0.40415],
    [81, 263, 0.2553, 0.3662],
    [0, 20, 0, 0.16113],
    [29, 29, 0.88304, 1],
    [950, 1000, 0.93469, 0.96186],
  ])("of %i in %i", (successes, total, low, high) => {
    const interval = wilson(successes, total);
    expect(interval.share).toBe(successes / total);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  it("stays within [0, 1], around the share, and turns over with it", () => {
    for (let total = 1; total <= 200; total++) {
      for (const successes of [0, 1, total >> 1, total - 1, total]) {
        const { share, low, high } = wilson(successes, total);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(Object.is(low, -0)).toBe(false);
        expect(low).toBeLessThanOrEqual(share);
        expect(share).toBeLessThanOrEqual(high);
        expect(high).toBeLessThanOrEqual(1);
        expect(wilson(total - successes, total).low).toBeCloseTo(1 - high, 12);
      }
    }
  });
});

describe("meanInterval", () => {
  it("is Wilson's for right and wrong, with the standard error of the harness", () => {
    const found = meanInterval([1, 1, 0, 1], 0);
    expect(found.method).toBe("wilson");
    expect(found).toMatchObject({ mean: 0.75, ...lowAndHigh(wilson(3, 4)) });
    // statistics.stdev([1, 1, 0, 1]) / sqrt(4)
    expect(found.stderr).toBeCloseTo(0.25, 12);
  });

  it("covers the mean of skewed values about as often as it says", () => {
    const inside = Array.from({ length: 300 }, (_, trial) => {
      const values = Array.from({ length: 60 }, (_, i) => {
        return -Math.log(1 - uniform({ seed: 3, stream: 1 }, trial, 0, i)); // mean 1
      });
      const { low, high, method } = meanInterval(values, trial);
      expect(method).toBe("bootstrap");
      return low <= 1 && 1 <= high;
    }).filter(Boolean).length;
    expect(inside).toBeGreaterThan(260);
    expect(inside).toBeLessThan(298);
  });

  it("depends on the seed", () => {
    const values = Array.from({ length: 80 }, (_, i) => Math.sin(i) + i / 9);
    expect(meanInterval(values, 5)).toEqual(meanInterval(values, 5));
    expect(meanInterval(values, 5).low).not.toBe(meanInterval(values, 6).low);
  });
});

const lowAndHigh = ({ low, high }: { low: number; high: number }) => ({ low, high });
