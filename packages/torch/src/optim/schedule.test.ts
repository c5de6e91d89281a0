import { describe, expect, it } from "vitest";
import { schedule } from "./schedule.ts";

describe("learning-rate schedules", () => {
  it.each(["constant", "linear", "cosine"] as const)(
    "%s warms up linearly and is never 0 at the start",
    (kind) => {
      const rate = schedule({ kind, warmup: 4, steps: 20 });
      expect([0, 1, 2, 3].map(rate)).toEqual([0.25, 0.5, 0.75, 1]);
      expect(rate(4)).toBe(1);
    },
  );

  it("stays at 1 when constant", () => {
    const rate = schedule({ kind: "constant", warmup: 2, steps: 5, floor: 0.1 });
    expect([2, 4, 5, 1e9].map(rate)).toEqual([1, 1, 1, 1]);
    expect(schedule({ kind: "constant" })(0)).toBe(1);
  });

  it.each(["linear", "cosine"] as const)(
    "%s falls to its floor exactly at the last step, and stays",
    (kind) => {
      for (const warmup of [0, 3]) {
        const rate = schedule({ kind, warmup, steps: 11, floor: 0.2 });
        const rates = Array.from({ length: 11 - warmup }, (_, i) => rate(i + warmup));
        expect(rates[0]).toBe(1);
        for (let i = 1; i < rates.length; i++) expect(rates[i]).toBeLessThan(rates[i - 1]!);
        expect(rate(10)).toBeCloseTo(0.2, 15);
        expect(rate(9)).toBeGreaterThan(0.2);
        expect(rate(1000)).toBeCloseTo(0.2, 15);
      }
      expect(schedule({ kind, steps: 11 })(10)).toBeCloseTo(0, 15);
    },
  );

  it("has the shapes their names promise", () => {
    const linear = schedule({ kind: "linear", steps: 5 });
    expect([0, 1, 2, 3, 4].map(linear)).toEqual([1, 0.75, 0.5, 0.25, 0]);
    const cosine = schedule({ kind: "cosine", steps: 5, floor: 0.5 });
    [1, 0.5 + 0.5 * 0.853553, 0.75, 0.5 + 0.5 * 0.146447, 0.5].forEach((expected, step) => {
      expect(cosine(step)).toBeCloseTo(expected, 6);
    });
  });

  it("works for runs shorter than their warm-up, and of one step", () => {
    expect(schedule({ kind: "cosine", warmup: 100, steps: 5 })(4)).toBe(0.05);
    expect(schedule({ kind: "cosine", steps: 1 })(0)).toBe(1);
  });

  it.each([
    [{ kind: "linear" }, /a linear schedule needs the number of steps/],
    [{ kind: "cosine", steps: Number.POSITIVE_INFINITY }, /cosine schedule needs/],
    [{ kind: "cosine", steps: Number.NaN }, /cosine schedule needs/],
    [{ kind: "constant", floor: 1.5 }, /floor must lie in \[0, 1\], got 1\.5/],
    [{ kind: "constant", floor: -0.1 }, /got -0\.1/],
    [{ kind: "constant", floor: Number.NaN }, /floor .*got NaN/],
    [{ kind: "constant", warmup: -1 }, /warm-up must not be negative, got -1/],
    [{ kind: "constant", warmup: Number.NaN }, /warm-up .*got NaN/],
  ] as const)("refuses %j", (options, message) => {
    expect(() => schedule(options)).toThrow(RangeError);
    expect(() => schedule(options)).toThrow(message);
  });
});
