import { describe, expect, it } from "vitest";
import { type DecoderContext, readOptions } from "../decoder.ts";
import { rewardGuidedDecoder } from "./reward-guided.ts";

describe("the decoder", () => {
  const facts = { family: "mdlm", endIds: [], shift: 0, contextLength: 8, denoises: true } as const;
  const ready = (fidelity: DecoderContext["fidelity"], given = {}) =>
    rewardGuidedDecoder.create(readOptions(rewardGuidedDecoder, given), {
      ...{ facts, seed: 1, fidelity, promptLength: 0, newTokens: 6 },
    });

  it("asks for a discriminator, and for whole transitions where published code drew them from raw logits", () => {
    expect(ready("corrected")).toMatchObject({
      needsReward: true,
      tellsNoise: false,
      drawsTransition: false,
    });
    expect(ready("released")).toMatchObject({ tellsNoise: true, drawsTransition: true });
    expect(ready("released", { guidance_version: "2026-02" })).toMatchObject({ tellsNoise: false });
  });

  it("refuses families that have no discriminators", () => {
    expect(rewardGuidedDecoder.refuses(facts)).toBeUndefined();
    expect(rewardGuidedDecoder.refuses({ ...facts, family: "dream", shift: 1 })).toMatch(
      /stand beside mdlm models/,
    );
  });
});
