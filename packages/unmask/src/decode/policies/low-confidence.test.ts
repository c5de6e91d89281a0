import { describe, expect, it } from "vitest";
import { type DecodeFacts, type Fidelity, readOptions } from "../decoder.ts";
import { canvasOf, policyContract, randomTable, run } from "./contract.ts";
import { type LowConfidenceOptions, lowConfidence, lowConfidenceDecoder } from "./low-confidence.ts";
import { evenShare } from "./select.ts";

const facts: DecodeFacts = { family: "llada", endIds: [5, 6], shift: 0, contextLength: 64, denoises: true };
const basis = {
  steps: 8,
  blockLength: 4,
  remasking: "low_confidence",
  seed: 1,
  fidelity: "corrected",
} as const;
const make = (options: Partial<LowConfidenceOptions> = {}) => lowConfidence({ ...basis, ...options });
const ready = (
  values: Record<string, string | number | boolean>,
  fidelity: Fidelity = "corrected",
  newTokens = 16,
) =>
  lowConfidenceDecoder.create(readOptions(lowConfidenceDecoder, values), {
    facts,
    seed: 1,
    fidelity,
    promptLength: 4,
    newTokens,
  });

for (const fidelity of ["corrected", "released"] as const) {
  for (const remasking of ["low_confidence", "random", "spread"] as const) {
    policyContract(`low_confidence, ${fidelity}, ${remasking}`, {
      policy: () => make({ fidelity, remasking }),
    });
  }
  policyContract(`low_confidence without blocks, ${fidelity}`, {
    policy: () => make({ fidelity, blockLength: undefined, steps: 3 }),
  });
}
policyContract("low_confidence with more steps than columns", { policy: () => make({ steps: 500 }) });
policyContract("low_confidence with fewer steps than blocks", { policy: () => make({ steps: 2 }) });

/** The published loop, written again over a table: sequences of committed columns. */
function publishedLoop(
  length: number,
  prompt: number,
  { steps, blockLength }: { steps: number; blockLength: number },
) {
  const table = randomTable(9);
  const blocks = (length - prompt) / blockLength;
  const committed: number[][] = [];
  const open = new Set(Array.from({ length: length - prompt }, (_, i) => prompt + i));
  for (let b = 0; b < blocks; b++) {
    const end = prompt + (b + 1) * blockLength;
    const perBlock = steps / blocks;
    for (let i = 0; i < perBlock; i++) {
      const count = Math.floor(blockLength / perBlock) + (i < blockLength % perBlock ? 1 : 0);
      const forward = committed.length;
      const best = [...open]
        .filter((column) => column < end)
        .sort((x, y) => table(0, y, forward).probability! - table(0, x, forward).probability!)
        .slice(0, count);
      for (const column of best) open.delete(column);
      committed.push(best.sort((x, y) => x - y));
    }
  }
  return committed;
}

describe("low_confidence", () => {
  it.each([
    [8, 4],
    [16, 4],
    [12, 8],
    [32, 8],
    [3, 24],
  ])("agrees with the published loop: %i steps, blocks of %i", async (steps, blockLength) => {
    for (const fidelity of ["corrected", "released"] as const) {
      const canvas = canvasOf(28, 4);
      if (24 % blockLength !== 0 || steps % (24 / blockLength) !== 0) continue;
      const [taken] = await run([canvas], make({ steps, blockLength, fidelity }), randomTable(9));
      const found = taken!.map(({ proposal, decision }) => decision.commit.map((i) => proposal.columns[i]!));
      const expected = publishedLoop(28, 4, { steps, blockLength });
      expect(found).toEqual(fidelity === "released" ? expected : expected.filter((one) => one.length > 0));
    }
  });

  it("writes the lowest columns where all are as sure", async () => {
    const canvas = canvasOf(12, 4);
    const [taken] = await run([canvas], make({ steps: 4, blockLength: 8 }), () => ({ token: 1 }));
    expect(taken!.map(({ decision }) => decision.commit)).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
    expect([...canvas.revealStep.subarray(4)]).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  });

  it("takes exactly its steps; unequal blocks share them by what is open", async () => {
    const forwards = async (steps: number, given: number[]) => {
      const canvas = canvasOf(14, 2, given);
      const [taken] = await run([canvas], make({ steps, blockLength: 4 }), randomTable(1));
      return taken!.length;
    };
    expect(await forwards(6, [])).toBe(6);
    expect(await forwards(7, [])).toBe(7);
    expect(await forwards(12, [])).toBe(12);
    expect(await forwards(100, [])).toBe(12);
    expect(await forwards(6, [3, 4, 5, 7])).toBe(6);
    expect(await forwards(4, [6, 7, 8, 9])).toBe(4);
  });

  it("spends the published code's empty steps in released fidelity only", async () => {
    const [taken] = await run([canvasOf(8, 4)], make({ steps: 6, fidelity: "released" }), randomTable(1));
    expect(taken!.map(({ decision }) => decision.commit.length)).toEqual([1, 1, 1, 1, 0, 0]);
  });

  it("writes the tokens that come last after all others", async () => {
    const canvas = canvasOf(10, 2);
    const answer = (_: number, column: number) => ({
      token: column % 2 === 0 ? 5 : 1,
      probability: column / 10,
    });
    await run([canvas], make({ steps: 8, blockLength: undefined, lastIds: [5] }), answer);
    expect([...canvas.revealStep.subarray(2)]).toEqual([4, 3, 5, 2, 6, 1, 7, 0]);
  });

  it("draws another order for another seed and sequence when it remasks at random", async () => {
    const orders = new Set<string>();
    for (const [seed, sequence] of [
      [1, 0],
      [1, 1],
      [2, 0],
    ] as const) {
      const canvas = canvasOf(20, 4, [], sequence);
      await run(
        [canvas],
        make({ steps: 16, blockLength: undefined, remasking: "random", seed }),
        randomTable(1),
      );
      orders.add(canvas.revealStep.join());
    }
    expect(orders.size).toBe(3);
  });

  it("writes columns that lie far apart, begun at another place for every text and block", async () => {
    const taken = async (sequence: number, blockLength: number | undefined, steps: number) => {
      const canvas = canvasOf(4 + 64, 4, [], sequence);
      await run([canvas], make({ steps, blockLength, remasking: "spread" }), randomTable(1));
      return Array.from(canvas.revealStep.subarray(4));
    };
    const distances = (reveals: number[], from: number, to: number) =>
      [...new Set(reveals)].flatMap((step) => {
        const own = reveals.flatMap((one, i) => (one === step && i >= from && i < to ? [i] : []));
        return own.map((column, i) => (own[(i + 1) % own.length]! - column + (to - from)) % (to - from));
      });
    const whole = await taken(0, undefined, 8);
    expect(new Set(distances(whole, 0, 64))).toEqual(new Set([8]));
    const blocks = await taken(0, 32, 16);
    expect(new Set([...distances(blocks, 0, 32), ...distances(blocks, 32, 64)])).toEqual(new Set([8]));
    expect(blocks.slice(0, 32)).not.toEqual(blocks.slice(32).map((step) => step - 8));
    // Where numbers do not divide, still no neighbours.
    expect(Math.min(...distances(await taken(1, undefined, 11), 0, 64))).toBe(3);
    const orders = await Promise.all([0, 1, 2, 3].map(async (i) => (await taken(i, undefined, 8)).join()));
    expect(new Set(orders).size).toBeGreaterThan(2);
  });

  it("splits evenly, the larger shares first", () => {
    expect(Array.from({ length: 11 }, (_, i) => evenShare(32, 10, i))).toEqual([
      4,
      4,
      3,
      3,
      3,
      3,
      3,
      3,
      3,
      3,
      undefined,
    ]);
    expect(Array.from({ length: 5 }, (_, i) => evenShare(3, 5, i))).toEqual([1, 1, 1, 0, 0]);
  });
});

describe("the decoder low_confidence", () => {
  it("refuses in released fidelity what the published code refuses", () => {
    expect(() => ready({ block_length: 5 }, "released")).toThrow(
      /block_length is 5 and max_new_tokens 16.*must divide/,
    );
    expect(() => ready({ block_length: 4, steps: 6 }, "released")).toThrow(/steps is 6 for 4 blocks/);
    expect(() => ready({ block_length: 5, steps: 6 })).not.toThrow();
    expect(() => ready({ block_length: 32 }, "released")).not.toThrow();
  });

  it("names what its proposals need", () => {
    expect(ready({ cfg: 1.5, logits_eos_inf: true, temperature: 0.5 })).toMatchObject({
      guidance: 1.5,
      forbiddenIds: [5],
      sampling: { temperature: 0.5, doubted: undefined },
    });
    const doubts = (temperature: number, fidelity: Fidelity) =>
      ready({ confidence_eos_eot_inf: true, temperature }, fidelity).sampling.doubted;
    expect(doubts(0, "corrected")).toBeUndefined();
    expect(doubts(0, "released")).toEqual([5, 6]);
    expect(doubts(0.5, "released")).toEqual([6]);
  });

  it("refuses networks that do not see everything", () => {
    expect(lowConfidenceDecoder.refuses(facts)).toBeUndefined();
    expect(lowConfidenceDecoder.refuses({ ...facts, blockLength: 4 })).toMatch(/block by block/);
    expect(lowConfidenceDecoder.refuses({ ...facts, denoises: false })).toMatch(/next tokens/);
  });
});
