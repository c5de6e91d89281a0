import { add, liveTensors, tensor, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { chiSquare, chiSquareLimit, softmax } from "../../test/oracle/chi-square.ts";
import { fakeNetwork } from "../../test/oracle/fake-network.ts";
import { type Canvas, isFinished, newCanvas, openColumns } from "../decode/canvas.ts";
import { commit } from "../decode/commit.ts";
import { decode } from "../decode/decode.ts";
import { ancestral } from "../decode/policies/ancestral.ts";
import type { Plan, Proposal, Request } from "../decode/policies/policy.ts";
import { maskColumn } from "../diffusion/objective.ts";
import { logLinear } from "../diffusion/schedule.ts";
import { type Denoiser, modelProposer, type ProposerOptions } from "./propose.ts";

const [V, maskId] = [6, 4];
const forbidden = tensor(maskColumn(V, maskId));
const logits = [0.3, -1, 2, 0.3, 9, -4];
const withoutMask = logits.map((logit, i) => (i === maskId ? Number.NEGATIVE_INFINITY : logit));

const fake = (table: readonly (readonly number[])[] = [logits]) => fakeNetwork(table);
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const canvasOf = (sequence: number, length: number, prompt: number[] = []): Canvas =>
  newCanvas({ length, noiseId: maskId, sequence, prompt });
const canvasesOf = (sequences: number[], length: number, prompt: number[] = []): Canvas[] =>
  sequences.map((sequence) => canvasOf(sequence, length, prompt));
const ask = (canvas: Canvas, more: Partial<Plan> = {}): Request => ({
  canvas,
  plan: { from: 0, to: canvas.length, candidates: openColumns(canvas), ...more },
});
const propose = (canvases: readonly Canvas[], options: Partial<ProposerOptions> = {}, network = fake()) =>
  modelProposer(network, { seed: 1, forbidden, ...options }).propose(
    canvases.map((canvas) => ask(canvas)),
  ) as Proposal[];
const tokensOf = (proposals: readonly Proposal[]): number[] => proposals.flatMap(({ token }) => [...token]);

function histogram(tokens: ArrayLike<number>): number[] {
  const counts = new Array<number>(V).fill(0);
  for (const token of Array.from(tokens)) counts[token]!++;
  return counts;
}

async function decodeAll(
  canvases: readonly Canvas[],
  network: Denoiser,
  { steps = 4, seed = 1, ...options }: Partial<ProposerOptions> & { steps?: number } = {},
): Promise<void> {
  const proposer = modelProposer(network, { seed, forbidden, ...options });
  for await (const _ of decode(canvases, proposer, ancestral({ steps, seed, schedule: logLinear() })));
}

describe("modelProposer", () => {
  it("says so when the network gives no numbers", () => {
    const broken = fake([[Number.NaN, 0, 0, 0, 0, 0]]);
    expect(() => propose([canvasOf(0, 3)], {}, broken)).toThrow(/logits are not numbers/);
    expect(() => propose([canvasOf(0, 3)], { sampling: { temperature: 0 } }, broken)).toThrow(/not numbers/);
  });

  it("asks for candidates only, of the ids as they stand", () => {
    const network = fake();
    const canvases = canvasesOf([0, 1], 3, [5]);
    const proposer = modelProposer(network, { seed: 1, forbidden });
    const [one] = proposer.propose(canvases.map((canvas) => ask(canvas))) as Proposal[];
    commit(canvases[0]!, one!, { commit: [1] });
    proposer.propose([ask(canvases[0]!), ask(canvases[1]!, { candidates: Int32Array.of(2) })]);
    const seen = network.calls.map(({ rows, ids, wanted }) => ({ rows, ids, wanted }));
    expect(seen).toEqual([
      { rows: 2, ids: [5, maskId, maskId, 5, maskId, maskId], wanted: [1, 2, 4, 5] },
      { rows: 2, ids: [5, maskId, one!.token[1], 5, maskId, maskId], wanted: [1, 5] },
    ]);
    expect(canvases.map(({ forwards }) => forwards)).toEqual([2, 2]);
  });

  it("spends a forward that only fills a cache, and proposes nothing then", () => {
    const network = fake();
    const canvas = canvasOf(0, 3);
    const proposer = modelProposer(network, { seed: 1, forbidden });
    const [nothing] = proposer.propose([ask(canvas, { candidates: new Int32Array(0) })]) as Proposal[];
    expect([nothing!.columns.length, nothing!.token.length, canvas.forwards]).toEqual([0, 0, 1]);
    const both = canvasesOf([1, 2], 3);
    const mixed = [ask(both[0]!, { candidates: new Int32Array(0) }), ask(both[1]!)];
    const proposals = proposer.propose(mixed) as Proposal[];
    expect(proposals.map(({ token }) => token.length)).toEqual([0, 3]);
    expect(network.calls.map(({ rows }) => rows)).toEqual([1, 2]);
  });

  it("takes so many columns at once and no more", () => {
    const network = fake();
    const [one] = [propose(canvasesOf(range(0, 5), 4), {}, network)];
    const narrow = fake();
    const other = propose(canvasesOf(range(0, 5), 4), { batchColumns: 8 }, narrow);
    expect(narrow.calls.map(({ rows }) => rows)).toEqual([2, 2, 1]);
    expect(network.calls.map(({ rows }) => rows)).toEqual([5]);
    expect(other).toEqual(one);
    const tight = fake();
    propose(canvasesOf([0, 1], 4), { batchColumns: 1 }, tight);
    expect(tight.calls.map(({ rows }) => rows)).toEqual([1, 1]);
  });

  it("keeps no tensors", () => {
    const network = fake();
    const proposer = modelProposer(network, { seed: 1, forbidden });
    const canvas = canvasOf(0, 4);
    proposer.propose([ask(canvas)]);
    const before = liveTensors().count;
    proposer.propose([ask(canvas, { reuse: true, draws: 3 })]);
    expect(network.calls).toHaveLength(2);
    expect(liveTensors().count).toBe(before);
  });
});

describe("modelProposer draws", () => {
  it.each([1, 0.5, 2])("from the softmax without the mask, at temperature %s", (temperature) => {
    const counts = histogram(tokensOf(propose(canvasesOf(range(0, 40), 500), { sampling: { temperature } })));
    const { statistic, degrees } = chiSquare(counts, softmax(withoutMask, temperature));
    expect(degrees).toBe(V - 2);
    expect(statistic).toBeLessThan(chiSquareLimit(degrees));
    // The test has teeth: the softmax of another temperature is refused.
    const other = chiSquare(counts, softmax(withoutMask, temperature * 1.1));
    expect(other.statistic).toBeGreaterThan(chiSquareLimit(degrees));
  });

  it("several tokens, each from the softmax, independent of one another; the first is the only one", () => {
    const canvases = () => canvasesOf(range(0, 20), 500);
    const proposer = modelProposer(fake(), { seed: 1, forbidden });
    const proposals = proposer.propose(canvases().map((canvas) => ask(canvas, { draws: 3 }))) as Proposal[];
    expect(tokensOf(proposals)).toEqual(tokensOf(propose(canvases())));
    const all = range(0, 3).map((j) => proposals.flatMap(({ draws }) => [...draws![j]!]));
    expect(all[0]).toEqual(tokensOf(proposals));
    const p = softmax(withoutMask);
    for (const tokens of all) {
      const { statistic, degrees } = chiSquare(histogram(tokens), p);
      expect(statistic).toBeLessThan(chiSquareLimit(degrees));
    }
    for (const [a, b] of [
      [0, 1],
      [1, 2],
      [0, 2],
    ] as const) {
      const pairs = new Array<number>(V * V).fill(0);
      all[a]!.forEach((token, i) => {
        pairs[token * V + all[b]![i]!]!++;
      });
      const expected = p.flatMap((one) => p.map((other) => one * other));
      const { statistic, degrees } = chiSquare(pairs, expected);
      expect(statistic).toBeLessThan(chiSquareLimit(degrees) + 20);
    }
    const [single] = modelProposer(fake(), { seed: 1, forbidden }).propose([
      ask(canvasOf(3, 500), { draws: 3 }),
    ]) as Proposal[];
    expect(single!.draws).toEqual(proposals[3]!.draws);
  });

  it("what the draw hook says, from probabilities of all rows", () => {
    const shapes: number[][] = [];
    const canvases = canvasesOf([0, 1], 3, [5]);
    const proposals = propose(canvases, {
      draw: (probability_NV, requests) => {
        shapes.push(
          [...probability_NV.shape],
          requests.map(({ canvas }) => canvas.sequence),
        );
        expect(
          toNumbers(probability_NV)
            .slice(0, V)
            .map((p) => p.toFixed(5)),
        ).toEqual(softmax(withoutMask).map((p) => p.toFixed(5)));
        return tensor([0, 1, 2, 3], undefined, { dtype: "int64" });
      },
    });
    expect(shapes).toEqual([
      [4, V],
      [0, 1],
    ]);
    expect(proposals.map(({ token }) => [...token])).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(proposals[1]!.probability[0]).toBeCloseTo(softmax(withoutMask)[2]!, 6);
  });

  it("from what the guide makes of the forward", () => {
    const pull = tensor([0, 50, 0, 0, 0, 0]);
    const [proposal] = propose([canvasOf(0, 3)], {
      guide: ({ network, ids_RL, rows_N, options, requests }) => {
        expect([ids_RL.shape, rows_N.shape, requests.length]).toEqual([[1, 3], [3], 1]);
        return add(network.logits(ids_RL, rows_N, options), pull);
      },
    });
    expect([...proposal!.token]).toEqual([1, 1, 1]);
  });

  it("tells the network the noise level where it is to be told", () => {
    const [told, silent] = [fake(), fake()];
    const requests = canvasesOf([0, 1], 2).map((canvas, i) =>
      ask(canvas, i === 0 ? { noise: { before: 1.5, after: 0 } } : {}),
    );
    modelProposer(told, {
      seed: 1,
      tellsNoise: true,
      guide: ({ network, ids_RL, rows_N, options }) => {
        expect(toNumbers(options.sigma_B!)).toEqual([1.5, 0]);
        return network.logits(ids_RL, rows_N, options);
      },
    }).propose(requests);
    modelProposer(silent, { seed: 1 }).propose(requests);
    expect([told.calls.length, silent.calls[0]!.options.sigma_B]).toEqual([1, undefined]);
  });
});

describe("modelProposer's randomness", () => {
  const table = [logits, [1, 1, 1, 1, 1, 1], [0, 0, 0, 5, 0, 5]];
  async function filled(sequences: number[], seed: number): Promise<number[][]> {
    const canvases = canvasesOf(sequences, 10, [3]);
    await decodeAll(canvases, fake(table), { seed });
    for (const canvas of canvases) expect(isFinished(canvas)).toBe(true);
    return canvases.map(({ ids }) => [...ids]);
  }

  it("gives a sequence the same tokens alone, in any batch and beside any others", async () => {
    const together = await filled(range(0, 8), 5);
    for (const sequence of range(0, 8)) expect(await filled([sequence], 5)).toEqual([together[sequence]]);
    const [seven, , two] = await filled([7, 2 ** 40, 2], 5);
    expect([seven, two]).toEqual([together[7], together[2]]);
    expect(new Set(together.map((row) => row.join())).size).toBe(8);
  });

  it("is independent of which columns are candidates", () => {
    const proposer = () => modelProposer(fake(table), { seed: 5, forbidden });
    const [all] = proposer().propose([ask(canvasOf(0, 9))]) as Proposal[];
    const candidates = Int32Array.of(2, 3, 7);
    const [some] = proposer().propose([ask(canvasOf(0, 9), { candidates })]) as Proposal[];
    expect([...some!.token]).toEqual(Array.from(candidates, (column) => all!.token[column]));
  });

  it("is independent of which columns are revealed: a filled canvas has the softmax's tokens", async () => {
    const canvases = canvasesOf(range(0, 100), 40);
    await decodeAll(canvases, fake(), { seed: 8 });
    const tokens = canvases.flatMap(({ ids }) => [...ids]);
    const { statistic, degrees } = chiSquare(histogram(tokens), softmax(withoutMask));
    expect(statistic).toBeLessThan(chiSquareLimit(degrees));
  });

  it("gives other tokens for another seed and at another forward", async () => {
    expect(await filled([0], 5)).not.toEqual(await filled([0], 6));
    const canvas = canvasOf(0, 50);
    const proposer = modelProposer(fake(), { seed: 1, forbidden });
    const twice = [0, 1].map(() => [...(proposer.propose([ask(canvas)]) as Proposal[])[0]!.token]);
    expect(twice[0]).not.toEqual(twice[1]);
  });
});
