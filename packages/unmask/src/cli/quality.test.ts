import { describe, expect, it } from "vitest";
import { type QualityRow, renderQuality, wilson } from "./quality.ts";

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

const row = (change: Partial<QualityRow>): QualityRow => ({
  steps: 8,
  count: 10,
  forwards: 7.96,
  tokensPerForward: 3.125,
  tokensPerSecond: 1000,
  example: "a text",
  ...change,
});

describe("renderQuality", () => {
  it("shows validity and likelihood in columns of one width", () => {
    const lines = renderQuality([
      row({ steps: 256, forwards: 29, valid: wilson(95, 100), nll: 0.5, validNll: 0.4444 }),
      row({
        steps: 1,
        forwards: 1,
        tokensPerForward: 29,
        valid: wilson(0, 100),
        nll: 4.25,
        validNll: undefined,
      }),
    ]);
    expect(lines).toEqual([
      "steps  forwards  tokens/forward  valid %  95 % interval    NLL  NLL of valid",
      "  256      29.0            3.13     95.0      88.8–97.8  0.500         0.444",
      "    1       1.0           29.00      0.0        0.0–3.7  4.250             –",
    ]);
  });

  it("shows the model's own judgement where there is no language", () => {
    expect(renderQuality([row({ selfNelbo: 1.23456 }), row({ steps: 1024 })])).toEqual([
      "steps  forwards  tokens/forward  NELBO under itself",
      "    8       8.0            3.13               1.235",
      " 1024       8.0            3.13                    ",
    ]);
  });

  it("shows a head alone without rows", () => {
    expect(renderQuality([])).toHaveLength(1);
  });
});
