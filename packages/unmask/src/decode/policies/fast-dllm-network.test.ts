// Fast-dLLM through small networks: what a cache must give exactly, and that runs repeat.

import { liveTensors } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { randomNetwork } from "../../../test/oracle/networks.ts";
import type { Network } from "../../models/family.ts";
import { modelProposer } from "../../propose/propose.ts";
import { type Canvas, isFinished, newCanvas, openColumns } from "../canvas.ts";
import { decode } from "../decode.ts";
import { type Decoder, type Fidelity, type OptionValues, readOptions } from "../decoder.ts";
import { blockEntropyDecoder } from "./block-entropy.ts";
import { dreamDecoder } from "./dream.ts";
import { fastDllmDecoder } from "./fast-dllm.ts";
import { fastDllmDreamDecoder } from "./fast-dllm-dream.ts";
import { lowConfidenceDecoder } from "./low-confidence.ts";
import type { Proposal } from "./policy.ts";
import { type BlockCache, blockCaches, feedOf } from "./turns.ts";

const [length, from, to] = [14, 5, 9];
const maskId = 2;
const prompt = [3, 1, 0, 3, 1];
const canvasOf = (sequence = 0): Canvas => newCanvas({ length, noiseId: maskId, prompt, sequence });

/** What a block's second turn says on a canvas to which the first one wrote nothing. */
async function secondTurn(network: Network, cache: BlockCache, shift: 0 | 1, ownRowAtBoundary = false) {
  const canvas = canvasOf();
  const proposer = modelProposer(network, { seed: 1, sampling: { temperature: 0 }, shift, ownRowAtBoundary });
  const turn = { from, to, block: 0, total: to - from, step: 0 };
  let proposal: Proposal | undefined;
  for (const index of [0, 1]) {
    const plan = { ...feedOf({ ...turn, index }, cache, length), candidates: openColumns(canvas, from, to) };
    [proposal] = (await proposer.propose([{ canvas, plan }])) as [Proposal];
  }
  proposer.finish?.(canvas);
  return proposal!;
}

const families = [
  ["llada", 0],
  ["dream", 1],
] as const;

describe.each(families)("the caches of %s's blocks", (family, shift) => {
  it.each(["prefix", "dual"] as const)(
    "%s says what a whole forward says of the same canvas",
    async (cache) => {
      for (let seed = 1; seed <= 4; seed++) {
        const network = randomNetwork(family, seed).create("float64");
        const whole = await secondTurn(network, "none", shift);
        const cached = await secondTurn(network, cache, shift);
        expect(cached.token).toEqual(whole.token);
        for (const [i, entropy] of cached.plainEntropy.entries()) {
          expect(entropy).toBeCloseTo(whole.plainEntropy[i]!, 5);
        }
      }
    },
  );

  it("reads a shifted block's first column from its own row in the published way alone", async () => {
    const network = randomNetwork(family, 2).create("float64");
    const whole = await secondTurn(network, "none", shift);
    const own = await secondTurn(network, "dual", shift, true);
    const isSame = Math.abs(own.plainEntropy[0]! - whole.plainEntropy[0]!) < 1e-6;
    expect(isSame).toBe(shift === 0);
    expect(own.plainEntropy[1]).toBeCloseTo(whole.plainEntropy[1]!, 5);
  });
});

const decoders: readonly [Decoder, 0 | 1, OptionValues][] = [
  [lowConfidenceDecoder, 0, { block_length: 3, steps: 6, temperature: 0.7 }],
  [blockEntropyDecoder, 1, { block_length: 3, temperature: 0.7 }],
  [dreamDecoder, 1, { steps: 5, temperature: 0.7, top_p: 0.9, top_k: 5, alg_temp: 0.5 }],
  [dreamDecoder, 1, { steps: 5, alg: "origin", temperature: 0.7 }],
  ...blockCaches.flatMap((cache): [Decoder, 0 | 1, OptionValues][] => [
    [fastDllmDecoder, 0, { block_length: 3, cache, threshold: 0.3, temperature: 0.7 }],
    [fastDllmDreamDecoder, 1, { block_length: 3, cache, threshold: 0.3, temperature: 0.7 }],
  ]),
];
const runs = decoders.map(([decoder, shift, options]) => ({ name: decoder.name, decoder, shift, options }));

describe.each(["corrected", "released"] as Fidelity[])("runs, %s", (fidelity) => {
  it.each(runs)(
    "$name with $options repeats, alone or beside others",
    async ({ decoder, shift, options }) => {
      const network = randomNetwork(shift === 1 ? "dream" : "llada", 3).create("float32");
      const facts = { family: "any", endIds: [], shift, contextLength: 64, denoises: true };
      const context = { facts, seed: 4, fidelity, promptLength: 5, newTokens: 9 };
      const { policy, sampling } = decoder.create(readOptions(decoder, options), context);
      const run = async (canvases: Canvas[]) => {
        const proposer = modelProposer(network, { seed: 4, sampling, shift, needsMargin: true });
        for await (const _ of decode(canvases, proposer, policy));
        return canvases;
      };
      const together = await run([canvasOf(0), canvasOf(1)]);
      // The first run made the network's own tables.
      const before = liveTensors();
      expect(together.every(isFinished)).toBe(true);
      for (const sequence of [0, 1]) {
        const [alone] = (await run([canvasOf(sequence)])) as [Canvas];
        expect(alone.ids).toEqual(together[sequence]!.ids);
        expect(alone.revealStep).toEqual(together[sequence]!.revealStep);
      }
      expect(liveTensors()).toEqual(before);
    },
  );
});
