import { totalmem } from "node:os";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../base/errors.ts";
import type { MdlmConfig } from "../models/mdlm.ts";
import { estimateMemory, refuseTooLarge } from "./plan.ts";

const small: MdlmConfig = {
  vocabularySize: 50,
  hiddenSize: 16,
  conditionSize: 4,
  blocks: 2,
  heads: 2,
  length: 8,
};
const published = {
  vocabularySize: 50_258,
  hiddenSize: 768,
  conditionSize: 128,
  blocks: 12,
  heads: 12,
  length: 1024,
};

function refusal(config: MdlmConfig, batchSize: number): ConfigError {
  try {
    refuseTooLarge(estimateMemory(config, batchSize), config, batchSize);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error as ConfigError;
  }
  return expect.fail(`a batch of ${batchSize} was accepted`);
}

describe("the memory plan", () => {
  it("counts parameters, and grows by the same amount with every row", () => {
    expect(estimateMemory(published, 1).parameters).toBe(169_627_218);
    const bytes = [0, 1, 2, 64].map((rows) => estimateMemory(small, rows).bytes);
    expect(bytes[2]! - bytes[1]!).toBe(bytes[1]! - bytes[0]!);
    expect(bytes[3]! - bytes[0]!).toBe(64 * (bytes[1]! - bytes[0]!));
    // Weights, average, gradients and two moments.
    expect(bytes[0]).toBe(20 * estimateMemory(small, 1).parameters);
  });

  it("accepts what fits", () => {
    refuseTooLarge(estimateMemory(small, 64), small, 64);
  });

  it("refuses a batch that does not, with both sizes and one that fits", () => {
    const { message } = refusal(small, 100_000_000);
    expect(message).toContain("train.batch_size 100000000 needs about");
    expect(message).toContain(`${(totalmem() / 2 ** 30).toFixed(1)}`);
    const fits = Number(/use train\.batch_size=(\d+) or less$/.exec(message)?.[1]);
    expect(fits).toBeGreaterThan(64);
    refuseTooLarge(estimateMemory(small, fits), small, fits);
    expect(estimateMemory(small, fits).bytes).toBeGreaterThan(0.7 * totalmem());
  });

  it("says so when no batch fits at all", () => {
    const huge = { ...published, hiddenSize: 76_800, blocks: 96 };
    expect(refusal(huge, 1).message).toMatch(/use a smaller model$/);
  });
});
