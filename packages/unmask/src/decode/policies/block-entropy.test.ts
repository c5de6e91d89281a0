import { describe, expect, it } from "vitest";
import { type DecoderContext, readOptions } from "../decoder.ts";
import { type BlockEntropyOptions, blockEntropy, blockEntropyDecoder } from "./block-entropy.ts";
import { canvasOf, chance, policyContract, run } from "./contract.ts";

const make = (options: Partial<BlockEntropyOptions> = {}) =>
  blockEntropy({ threshold: 1, blockLength: 6, ...options });

policyContract("block_entropy", { policy: () => make() });
policyContract("block_entropy, strict, one block", { policy: () => make({ strict: true, blockLength: 99 }) });
policyContract("block_entropy, one token a forward", {
  policy: () => make({ threshold: Number.NEGATIVE_INFINITY }),
});

const reveal = async (entropies: readonly number[], options: Partial<BlockEntropyOptions> = {}) => {
  const canvas = canvasOf(2 + entropies.length, 2);
  await run([canvas], make(options), (_, column) => ({ token: 1, entropy: entropies[column - 2]! }));
  return [...canvas.revealStep.subarray(2)];
};

describe("block_entropy", () => {
  it("writes all within the threshold, and one at least, block after block", async () => {
    expect(await reveal([2, 0.5, 1, 3, 2, 0, 0, 5])).toEqual([1, 0, 0, 3, 2, 0, 4, 5]);
  });

  it("counts an entropy equal to the threshold, unless it is strict", async () => {
    expect(await reveal([1, 1, 0.5])).toEqual([0, 0, 0]);
    expect(await reveal([1, 1, 0.5], { strict: true })).toEqual([1, 2, 0]);
  });

  it("goes from the lowest entropy to the highest below every threshold", async () => {
    const entropies = Array.from({ length: 6 }, (_, i) => chance(3, 0, 0, i));
    const ranks = entropies.map((one) => entropies.filter((other) => other < one).length);
    expect(await reveal(entropies, { threshold: Number.NEGATIVE_INFINITY })).toEqual(ranks);
  });

  it("is strict where the published code is: on networks with a shift", async () => {
    const forwards = async (shift: 0 | 1, fidelity: DecoderContext["fidelity"]) => {
      const facts = { family: "any", endIds: [], shift, contextLength: 64, denoises: true };
      const context = { facts, seed: 0, fidelity, promptLength: 2, newTokens: 4 };
      const { policy } = blockEntropyDecoder.create(
        readOptions(blockEntropyDecoder, { threshold: 1 }),
        context,
      );
      const [taken] = await run([canvasOf(6, 2)], policy, () => ({ token: 1, entropy: 1 }));
      return taken!.length;
    };
    expect(await forwards(0, "corrected")).toBe(1);
    expect(await forwards(1, "corrected")).toBe(1);
    expect(await forwards(0, "released")).toBe(1);
    expect(await forwards(1, "released")).toBe(4);
  });
});
