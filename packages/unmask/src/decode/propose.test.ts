import { indexSelect, liveTensors, type Tensor, tensor, toNumbers } from "@unmask/torch";
import { describe, expect, it } from "vitest";
import { chiSquare, chiSquareLimit, softmax } from "../../test/oracle/chi-square.ts";
import { maskColumn } from "../diffusion/objective.ts";
import { logLinear } from "../diffusion/schedule.ts";
import { type Canvas, isFinished, newCanvas } from "./canvas.ts";
import { commit } from "./commit.ts";
import { decode } from "./decode.ts";
import { ancestral } from "./policies/ancestral.ts";
import type { Policy, Proposal } from "./policies/policy.ts";
import { type Denoiser, modelProposer, type ProposerOptions } from "./propose.ts";

const [V, maskId] = [6, 4];
const forbidden = tensor(maskColumn(V, maskId));
const logits = [0.3, -1, 2, 0.3, 9, -4];
const withoutMask = logits.map((logit, i) => (i === maskId ? Number.NEGATIVE_INFINITY : logit));

interface Fake extends Denoiser {
  /** Rows and ids of each forward. */
  readonly calls: { rows: number; ids: number[]; positions: number[] }[];
}

/** Gives row r of `table` at every position of column r mod table length. */
function fake(table: readonly (readonly number[])[] = [logits]): Fake {
  const calls: Fake["calls"] = [];
  const rows = tensor(table.map((row) => [...row]));
  return {
    calls,
    logits(ids: Tensor, positions: Tensor) {
      const [count, length] = ids.shape as [number, number];
      const flat = toNumbers(positions);
      calls.push({ rows: count, ids: toNumbers(ids), positions: flat });
      const columns = flat.map((at) => (at % length) % table.length);
      return indexSelect(rows, 0, tensor(columns, undefined, { dtype: "int64" }));
    },
  };
}

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const canvasOf = (sequences: number[], length: number, prefix: number[] = []): Canvas =>
  newCanvas({ length, noiseId: maskId, sequences, prefix });
const propose = (canvas: Canvas, options: Partial<ProposerOptions> = {}, network = fake()): Proposal =>
  modelProposer(network, { seed: 1, forbidden, ...options }).propose(canvas, 0) as Proposal;

function histogram(tokens: Int32Array): number[] {
  const counts = new Array<number>(V).fill(0);
  for (const token of tokens) counts[token]!++;
  return counts;
}

describe("modelProposer", () => {
  it("says so when the network gives no numbers", () => {
    const broken = fake([[Number.NaN, 0, 0, 0, 0, 0]]);
    expect(() => propose(canvasOf([0], 3), {}, broken)).toThrow(/logits are not numbers/);
  });
});

describe("modelProposer draws", () => {
  it.each([1, 0.5, 2])("from the softmax without the mask, at temperature %s", (temperature) => {
    const { token } = propose(canvasOf(range(0, 40), 500), { temperature });
    const counts = histogram(token);
    const expected = softmax(withoutMask, temperature);
    const { statistic, degrees } = chiSquare(counts, expected);
    expect(degrees).toBe(V - 2);
    expect(statistic).toBeLessThan(chiSquareLimit(degrees));
    // The test has teeth: the softmax of another temperature is refused.
    const other = chiSquare(counts, softmax(withoutMask, temperature * 1.1));
    expect(other.statistic).toBeGreaterThan(chiSquareLimit(degrees));
  });

  it("the most probable token at temperature 0, the lowest of equals", () => {
    expect(new Set(propose(canvasOf([0, 1], 50), { temperature: 0 }).token)).toEqual(new Set([2]));
    const wide = 700;
    const even = fake([
      new Array<number>(wide).fill(0),
      range(0, wide).map((i) => (i === 40 || i === 600 ? 1 : 0)),
    ]);
    const column = tensor(maskColumn(wide, 0));
    const { token } = propose(canvasOf([0], 4), { temperature: 0, forbidden: column }, even);
    expect([...token]).toEqual([1, 40, 1, 40]);
  });

  it.each([1e-3, 1, 1e5, 1e30, Number.POSITIVE_INFINITY])(
    "never the mask, at temperature %s",
    (temperature) => {
      const counts = histogram(propose(canvasOf(range(0, 10), 200), { temperature }).token);
      expect(counts[maskId]).toBe(0);
      if (temperature >= 1e5) expect(Math.min(...counts.filter((_, i) => i !== maskId))).toBeGreaterThan(300);
    },
  );

  it("never a token without probability, first or last, nor past the end", () => {
    const certain = fake([[-1e9, 0, -1e9, -1e9, 50, -1e9]]);
    expect(new Set(propose(canvasOf(range(0, 10), 200), {}, certain).token)).toEqual(new Set([1]));
  });
});

describe("the numbers beside the token", () => {
  it("are its probability, the entropy and the lead of the best, as in float64", () => {
    const p = softmax(withoutMask);
    const entropy = -p.reduce((sum, one) => sum + (one > 0 ? one * Math.log(one) : 0), 0);
    const proposal = propose(canvasOf([0], 30));
    proposal.token.forEach((token, i) => {
      expect(proposal.probability[i]).toBeCloseTo(p[token]!, 6);
      expect(proposal.entropy[i]).toBeCloseTo(entropy, 5);
      expect(proposal.margin[i]).toBeCloseTo(p[2]! - p[0]!, 6);
    });
  });
});

describe("modelProposer's randomness", () => {
  const table = [logits, [1, 1, 1, 1, 1, 1], [0, 0, 0, 5, 0, 5]];
  async function fill(sequences: number[], seed: number): Promise<number[][]> {
    const canvas = canvasOf(sequences, 10, [3]);
    const policy = ancestral({ steps: 4, seed, schedule: logLinear() });
    const proposer = modelProposer(fake(table), { seed, forbidden });
    for await (const _ of decode(canvas, proposer, policy));
    expect(isFinished(canvas)).toBe(true);
    return sequences.map((_, row) => [...canvas.ids.subarray(10 * row, 10 * row + 10)]);
  }

  it("gives a sequence the same tokens alone, in any batch and beside any rows", async () => {
    const together = await fill(range(0, 8), 5);
    for (const sequence of range(0, 8)) expect(await fill([sequence], 5)).toEqual([together[sequence]]);
    const [seven, , two] = await fill([7, 2 ** 40, 2], 5);
    expect([seven, two]).toEqual([together[7], together[2]]);
    expect(new Set(together.map((row) => row.join())).size).toBe(8);
  });

  it("is independent of which positions are revealed: a filled canvas has the softmax's tokens", async () => {
    const canvas = canvasOf(range(0, 100), 40);
    const proposer = modelProposer(fake(), { seed: 8, forbidden });
    const policy = ancestral({ steps: 4, seed: 8, schedule: logLinear() });
    for await (const _ of decode(canvas, proposer, policy));
    const { statistic, degrees } = chiSquare(histogram(canvas.ids), softmax(withoutMask));
    expect(statistic).toBeLessThan(chiSquareLimit(degrees));
  });

  it("gives other tokens for another seed", async () => {
    expect(await fill([0], 5)).not.toEqual(await fill([0], 6));
  });
});

describe("modelProposer's forwards", () => {
  /** Commits the first open position of the rows whose turn it is. */
  const turns = (rowsByStep: readonly (readonly number[])[]): Policy => ({
    name: "turns",
    steps: rowsByStep.length,
    decide: (canvas, { positions }, step) => {
      const rows = rowsByStep[step]!;
      const indices = rows.map((row) => positions.findIndex((at) => Math.floor(at / canvas.length) === row));
      return { commit: indices.sort((a, b) => a - b) };
    },
  });

  it("takes in the rows that changed alone, and spends none when none did", async () => {
    const network = fake();
    const canvas = canvasOf([0, 1, 2], 3, [5]);
    const proposer = modelProposer(network, { seed: 1, forbidden });
    const policy = turns([[], [0], [0, 2], [], [1], [1]]);
    const tokens: Int32Array[] = [];
    for await (const { proposal } of decode(canvas, proposer, policy)) tokens.push(proposal.token);
    // Steps 0, 2, 3 and 5; nothing was written before 1 and 4, and a full row is asked no more.
    expect(network.calls.map((call) => call.rows)).toEqual([3, 1, 1, 1]);
    expect([...canvas.forwards]).toEqual([2, 2, 2]);
    expect([...canvas.revealStep]).toEqual([-1, 0, 1, -1, 0, 1, -1, 0, -1]);
    // An unchanged row keeps its proposal.
    expect(tokens[1]).toEqual(tokens[0]);
  });

  it("asks for open positions only, of the ids as they stand", async () => {
    const network = fake();
    const canvas = canvasOf([0, 1], 3, [5]);
    const proposer = modelProposer(network, { seed: 1, forbidden });
    const first = (await proposer.propose(canvas, 0)) as Proposal;
    commit(canvas, first, { commit: [2] });
    await proposer.propose(canvas, 1);
    expect(network.calls).toEqual([
      { rows: 2, ids: [5, maskId, maskId, 5, maskId, maskId], positions: [1, 2, 4, 5] },
      { rows: 1, ids: [5, first.token[2], maskId], positions: [2] },
    ]);
  });

  it("spends no more forwards than there are steps or tokens", async () => {
    for (const steps of [1, 3, 1000]) {
      const canvas = canvasOf(range(0, 6), 8);
      const proposer = modelProposer(fake(), { seed: 2, forbidden });
      for await (const _ of decode(canvas, proposer, ancestral({ steps, seed: 2, schedule: logLinear() })));
      expect(isFinished(canvas)).toBe(true);
      canvas.forwards.forEach((forwards, row) => {
        expect(forwards).toBeLessThanOrEqual(Math.min(steps, 8));
        const reveals = canvas.revealStep.subarray(8 * row, 8 * row + 8);
        expect(Math.max(...reveals)).toBe(forwards - 1);
        expect(new Set(reveals).size).toBe(forwards);
      });
    }
  });

  it("keeps no tensors", () => {
    const network = fake();
    const proposer = modelProposer(network, { seed: 1, forbidden });
    const canvas = canvasOf([0], 4);
    proposer.propose(canvas, 0);
    const before = liveTensors().count;
    canvas.open[0] = 0;
    proposer.propose(canvas, 1);
    expect(network.calls).toHaveLength(2);
    expect(liveTensors().count).toBe(before);
  });
});
