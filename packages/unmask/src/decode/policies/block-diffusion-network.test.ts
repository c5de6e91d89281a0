// Block diffusion through small networks: fused, separate and uncached forwards must write the same, and draws must
// have the distribution that the rules imply.

import { liveTensors, mul, type Tensor, tensor, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { chiSquare, chiSquareLimit, softmax } from "../../../test/oracle/chi-square.ts";
import { mulberry32 } from "../../../test/oracle/mulberry32.ts";
import { randomNetwork } from "../../../test/oracle/networks.ts";
import type { Network } from "../../models/family.ts";
import type { KeyValueCache } from "../../models/parts/cache.ts";
import { type Denoiser, modelProposer } from "../../propose/propose.ts";
import { type Canvas, newCanvas } from "../canvas.ts";
import { decode } from "../decode.ts";
import { type Fidelity, type OptionValues, type ReadyDecoder, readOptions } from "../decoder.ts";
import { blockDiffusionDecoder } from "./block-diffusion.ts";
import { strategies } from "./block-selection.ts";
import type { Proposer } from "./policy.ts";

interface Ask {
  prompt: number[];
  newTokens: number;
  maskId: number;
  options?: OptionValues;
  fidelity?: Fidelity;
  sequence?: number;
}

interface Ready {
  ready: ReadyDecoder;
  canvas: Canvas;
}

function readyFor({
  prompt,
  newTokens,
  maskId,
  options = {},
  fidelity = "corrected",
  sequence = 0,
}: Ask): Ready {
  const facts = {
    family: "sdar",
    endIds: [],
    shift: 0 as const,
    blockLength: 4,
    contextLength: 100,
    denoises: true,
  };
  const values = readOptions(blockDiffusionDecoder, options);
  const context = { facts, seed: 3, fidelity, promptLength: prompt.length, newTokens };
  const ready = blockDiffusionDecoder.create(values, context);
  const length = prompt.length + newTokens + (ready.extraColumns ?? 0);
  return { ready, canvas: newCanvas({ length, noiseId: maskId, prompt, sequence }) };
}

const proposerOf = (network: Denoiser, { sampling, visibility }: ReadyDecoder, more = {}): Proposer =>
  modelProposer(network, { seed: 3, sampling, visibility, needsMargin: true, ...more });

/** The same questions without a cache: everything up to the block's end is fed, every time. */
const uncached = (inner: Proposer): Proposer => ({
  ...inner,
  propose: (requests) =>
    inner.propose(
      requests.map(({ canvas, plan: { to, candidates } }) => ({ canvas, plan: { from: 0, to, candidates } })),
    ),
});

const threshold = 0.5;

/** Decodes and gives the smallest distance between what was decided and something else. */
async function run(all: readonly Ready[], proposer: Proposer, strategy = "sequential"): Promise<number> {
  let margin = 1;
  const canvases = all.map(({ canvas }) => canvas);
  const policies = all.map(({ ready }) => ready.policy);
  for await (const steps of decode(canvases, proposer, policies)) {
    for (const { proposal, decision } of steps) {
      const sure = [...proposal.probability];
      margin = Math.min(margin, ...proposal.margin);
      if (strategy === "sequential" || strategy === "random") continue;
      const chosen = sure.filter((_, i) => decision.commit.includes(i));
      const others = sure.filter((_, i) => !decision.commit.includes(i));
      if (others.length > 0) margin = Math.min(margin, Math.min(...chosen) - Math.max(...others));
      if (strategy === "low_confidence_dynamic") {
        margin = Math.min(margin, ...sure.map((probability) => Math.abs(probability - threshold)));
      }
    }
  }
  return margin;
}

/** Row of the text, and the order in which its columns were written, which counts no other forwards. */
function outcome({ canvas }: Ready): number[][] {
  const forwards = [...new Set(canvas.revealStep)].sort((a, b) => a - b);
  return [[...canvas.ids], [...canvas.revealStep].map((forward) => forwards.indexOf(forward))];
}

const blockLengths = [1, 3, 4, 8];
const enoughMargin = 1e-3;

describe("block diffusion through a network", () => {
  const next = mulberry32(5);
  const small = [2, 3, 9].map((seed) => randomNetwork("sdar", seed));
  /** Logits lie further apart than random weights put them. */
  const sharpened = (network: Network): Denoiser => ({
    logits: (ids, rows, options) => mul(network.logits(ids, rows, options), 4),
    createCache: (options) => network.createCache(options),
  });
  const networks = small.map((one) => ({
    network: sharpened(one.create("float32")),
    maskId: one.vocabulary - 1,
    /** The mask is not drawn. */
    forbidden: tensor([...new Array(one.vocabulary - 1).fill(0), -1e30]),
  }));
  const promptOf = (length: number, maskId: number) =>
    Array.from({ length }, () => Math.floor(next() * maskId));
  const scenes = Array.from({ length: 13 }, (_, i) =>
    blockLengths.map((block_length) => ({ length: i + 1, block_length })),
  ).flat();

  it.each(["low_confidence_static", "low_confidence_dynamic", "sequential", "random"])(
    "writes the same fused, separate and without a cache: %s",
    async (remasking_strategy) => {
      let compared = 0;
      const chosen = scenes.filter((_, i) => remasking_strategy === "low_confidence_static" || i % 3 === 0);
      for (const [i, { length, block_length }] of chosen.entries()) {
        const { network, maskId, forbidden } = networks[i % networks.length]!;
        const denoising_steps = 1 + (i % block_length);
        // A whole number of blocks: what only fills the last one is not written by the fused run.
        const newTokens = 2 * block_length - (length % block_length);
        const options = { block_length, denoising_steps, remasking_strategy, dynamic_threshold: threshold };
        const ask = { prompt: promptOf(length, maskId), newTokens, maskId, options };
        const [fused, separate, whole] = [
          readyFor(ask),
          readyFor({ ...ask, fidelity: "released" }),
          readyFor(ask),
        ];
        const margin = await run(
          [fused],
          proposerOf(network, fused.ready, { forbidden }),
          remasking_strategy,
        );
        await run([separate], proposerOf(network, separate.ready, { forbidden }));
        await run([whole], uncached(proposerOf(network, whole.ready, { forbidden })));
        if (margin < enoughMargin) continue;
        compared++;
        expect(outcome(separate)).toEqual(outcome(fused));
        expect(outcome(whole)).toEqual(outcome(fused));
        expect(whole.canvas.forwards).toBe(fused.canvas.forwards);
        const prefill = length >= block_length ? 1 : 0;
        expect(separate.canvas.forwards).toBe(fused.canvas.forwards + 2 + prefill);
      }
      expect(compared).toBeGreaterThan(0.7 * chosen.length);
    },
  );

  it("writes every length of text, and a shorter one is the beginning of a longer", async () => {
    const { network, maskId } = networks[0]!;
    const prompt = promptOf(6, maskId);
    const texts: number[][] = [];
    for (let newTokens = 1; newTokens <= 13; newTokens++) {
      const one = readyFor({ prompt, newTokens, maskId });
      await run([one], proposerOf(network, one.ready));
      const end = one.ready.textEnd!(one.canvas);
      expect(end).toBe(6 + newTokens);
      texts.push([...one.canvas.ids.slice(6, end)]);
    }
    for (const text of texts) expect(texts.at(-1)!.slice(0, text.length)).toEqual(text);
  });

  it("decodes prompts of many lengths together as alone, and frees its caches", async () => {
    const { network, maskId } = networks[1]!;
    const asks = [1, 4, 7, 12].map((length, sequence) => ({
      prompt: promptOf(length, maskId),
      newTokens: 9,
      maskId,
      sequence,
      options: { temperature: 0.8, top_k: 5 },
    }));
    const together = asks.map(readyFor);
    // The network keeps its rotary tables.
    for (const one of asks.map(readyFor)) await run([one], proposerOf(network, one.ready));
    const before = liveTensors();
    await run(together, proposerOf(network, together[0]!.ready));
    expect(liveTensors()).toEqual(before);
    for (const [i, ask] of asks.entries()) {
      const alone = readyFor(ask);
      await run([alone], proposerOf(network, alone.ready));
      expect(outcome(alone)).toEqual(outcome(together[i]!));
    }
  });
});

/** Logits of a column by what its only neighbour in the block holds: nothing, token 0, token 1. */
const pairLogits = [
  [
    [0.3, -0.4],
    [1.1, 0.2],
    [-0.5, 0.7],
  ],
  [
    [-0.2, 0.6],
    [0.9, -0.8],
    [0.1, 0.4],
  ],
] as const;
const open = 2;
const neighbourOf = (token: number) => (token === open ? 0 : token + 1);

/** Two tokens, blocks of two; it needs no cache to answer and keeps none. */
const pairNetwork: Denoiser = {
  logits(ids_BL: Tensor, rows_N?: Tensor) {
    const ids = toNumbers(ids_BL);
    const rows = Array.from(toNumbers(rows_N!), (row) => {
      const place = row % 2;
      return [...pairLogits[place]![neighbourOf(ids[row + (place === 0 ? 1 : -1)]!)]!];
    });
    return tensor(rows, [rows.length, 2]);
  },
  createCache: () => ({ length: 0, truncate() {}, dispose() {} }) as unknown as KeyValueCache,
} satisfies Pick<Network, "logits" | "createCache">;

/** Probabilities of the texts 00, 01, 10, 11 of one block in two steps, in plain float64. */
function pairDistribution(temperature: number, chooseFirst: (p0: number, p1: number) => number): number[] {
  const total = [0, 0, 0, 0];
  const p = (place: number, neighbour: number) => softmax([...pairLogits[place]![neighbour]!], temperature);
  for (const a of [0, 1]) {
    for (const b of [0, 1]) {
      const drawn = [p(0, 0)[a]!, p(1, 0)[b]!] as const;
      const first = chooseFirst(...drawn);
      for (const c of [0, 1]) {
        total[2 * a + c]! += drawn[0] * drawn[1] * first * p(1, neighbourOf(a))[c]!;
        total[2 * c + b]! += drawn[0] * drawn[1] * (1 - first) * p(0, neighbourOf(b))[c]!;
      }
    }
  }
  return total;
}

describe("what block diffusion draws", () => {
  const firstOf: Record<string, (p0: number, p1: number) => number> = {
    low_confidence_static: (p0, p1) => (p0 >= p1 ? 1 : 0),
    low_confidence_dynamic: (p0, p1) => (p0 >= p1 ? 1 : 0),
    sequential: () => 1,
    random: () => 0.5,
    entropy_bounded: () => 1,
  };

  it.each(strategies)("has the pseudo-code's distribution: %s", async (remasking_strategy) => {
    const temperature = 0.7;
    // The threshold is above all, and entropies sum to more than the bound: one column a step. The first has the
    // larger entropy if its logits are nearer to each other.
    const options = {
      block_length: 2,
      remasking_strategy,
      temperature,
      dynamic_threshold: 1,
      entropy_bound: 0.01,
    };
    const gap = (place: 0 | 1) => Math.abs(pairLogits[place][0][0] - pairLogits[place][0][1]);
    const first =
      remasking_strategy === "entropy_bounded"
        ? () => Number(gap(0) >= gap(1))
        : firstOf[remasking_strategy]!;
    const counts = [0, 0, 0, 0];
    const all = Array.from({ length: 250 }, (_, sequence) =>
      readyFor({ prompt: [], newTokens: 8, maskId: open, options, sequence }),
    );
    await run(all, proposerOf(pairNetwork, all[0]!.ready, { seed: 8 }));
    for (const { canvas } of all) {
      for (let start = 0; start < 8; start += 2) counts[2 * canvas.ids[start]! + canvas.ids[start + 1]!]!++;
    }
    const expected = pairDistribution(temperature, first);
    const { statistic, degrees } = chiSquare(counts, expected);
    expect(statistic).toBeLessThan(chiSquareLimit(degrees));
    const other = pairDistribution(temperature, (p0, p1) => 1 - first(p0, p1));
    if (remasking_strategy !== "random") {
      expect(chiSquare(counts, other).statistic).toBeGreaterThan(chiSquareLimit(degrees));
    }
  });
});
