import { describe, expect, it } from "vitest";
import { maskRatio, windowSize } from "./d3llm-curricula.ts";
import { d3llmVariants } from "./d3llm-options.ts";

describe("windowSize", () => {
  // Epoch and size, as the published code computes them.
  const llada = { 0: 16, 0.75: 16, 1: 16, 1.25: 18, 1.5: 20, 1.75: 22, 2: 24, 2.5: 24, 3: 24, 3.25: 26 };
  const dream = { 0: 16, 0.25: 18, 0.5: 20, 0.75: 22, 1: 24, 1.25: 26, 1.5: 28, 1.75: 30, 2: 32, 2.5: 32 };
  it.each([
    ["llada", { ...llada, 3.5: 28, 3.75: 30, 4: 32, 5: 32, 6: 32 }, 6],
    ["dream", { ...dream, 3: 32 }, 3],
    ["coder", dream, 3],
  ] as const)("grows as published for %s", (name, table, epochs) => {
    const { progressiveBlockSizes } = d3llmVariants[name];
    for (const [epoch, size] of Object.entries(table)) {
      expect(windowSize(Number(epoch) / epochs, { progressiveBlockSizes })).toBe(size);
    }
  });

  it("keeps the last size for epochs beyond the list, and a single size throughout", () => {
    const progressiveBlockSizes = [8, 16];
    expect(windowSize(0.125, { progressiveBlockSizes, epochs: 4 })).toBe(12);
    expect(windowSize(0.25, { progressiveBlockSizes, epochs: 4 })).toBe(16);
    expect(windowSize(1, { progressiveBlockSizes, epochs: 4 })).toBe(16);
    for (const progress of [0, 0.3, 1])
      expect(windowSize(progress, { progressiveBlockSizes: [32] })).toBe(32);
  });
});

describe("maskRatio", () => {
  it("is uniform between a bound that rises and one that stays", () => {
    const noise = d3llmVariants.llada;
    expect(maskRatio(0, 0, noise)).toBe(0);
    expect(maskRatio(0, 0.5, noise)).toBe(0.4);
    expect(maskRatio(0.5, 0, noise)).toBe(0.4);
    expect(maskRatio(0.5, 0.5, noise)).toBeCloseTo(0.6, 12);
    for (const uniform of [0, 0.4, 0.999]) expect(maskRatio(1, uniform, noise)).toBeCloseTo(0.8, 12);
    expect(maskRatio(7, 0.3, noise)).toBe(maskRatio(1, 0.3, noise));
  });
});
