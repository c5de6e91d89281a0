import { describe, expect, it } from "vitest";
import { wilson } from "../evaluate/intervals.ts";
import { type QualityRow, renderQuality } from "./quality.ts";

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
