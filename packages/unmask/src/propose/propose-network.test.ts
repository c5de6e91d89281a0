// Proposals of small real networks: padding, caches, and logits that are shifted by one.

import { keep, liveTensors, noGrad, scope, tensor, toNumbers } from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { softmax } from "../../test/oracle/chi-square.ts";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import { randomNetwork } from "../../test/oracle/networks.ts";
import { type Canvas, newCanvas } from "../decode/canvas.ts";
import { decode } from "../decode/decode.ts";
import type { CacheStep, Plan, Policy, Proposal, Proposer, Request } from "../decode/policies/policy.ts";
import type { ForwardOptions } from "../models/family.ts";
import { type Denoiser, modelProposer, type ProposerOptions } from "./propose.ts";

const { vocabulary: V, create } = randomNetwork("llada", 11);
const network = create("float64");
afterAll(() => {
  for (const parameter of network.parameters.values()) parameter.dispose();
});

const blockLength = 3;
const byBlocks = { kind: "block-causal", blockLength } as const;
const causal = { kind: "causal" } as const;

function randomCanvas(length: number, seed: number): Canvas {
  const next = mulberry32(seed);
  const given = new Map<number, number>();
  for (let column = 0; column < length; column++) {
    if (next() < 0.5) given.set(column, Math.floor(next() * V));
  }
  return newCanvas({ length, noiseId: V - 1, sequence: seed, given });
}

const all = (from: number, to: number): Int32Array =>
  Int32Array.from({ length: to - from }, (_, i) => from + i);
const ask = (canvas: Canvas, from = 0, to = canvas.length, cache?: CacheStep): Request => ({
  canvas,
  plan: { from, to, candidates: all(from, to), cache },
});
const proposerOf = (options: Partial<ProposerOptions> = {}, denoiser: Denoiser = network): Proposer =>
  modelProposer(denoiser, { seed: 3, needsMargin: true, ...options });
const one = (proposer: Proposer, request: Request): Proposal =>
  (proposer.propose([request]) as Proposal[])[0]!;

/** Most probable token and its probability, of the whole canvas without a cache. */
function direct(canvas: Canvas, options: ForwardOptions): { best: number[]; entropy: number[] } {
  const values = scope(() =>
    noGrad(() => {
      const ids = tensor(Int32Array.from(canvas.ids), [1, canvas.length], { dtype: "int64" });
      return toNumbers(network.logits(ids, undefined, options));
    }),
  );
  const rows = Array.from({ length: canvas.length }, (_, i) => values.slice(i * V, (i + 1) * V));
  return {
    best: rows.map((row) => row.indexOf(Math.max(...row))),
    entropy: rows.map((row) => -softmax(row).reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0)),
  };
}

/** Compares proposals for columns with rows of the whole forward: entropies tell rows apart. */
function expectRows(proposal: Proposal, whole: ReturnType<typeof direct>, rowOf: (column: number) => number) {
  proposal.columns.forEach((column, i) => {
    expect(proposal.best[i]).toBe(whole.best[rowOf(column)]);
    expect(proposal.plainEntropy[i]).toBeCloseTo(whole.entropy[rowOf(column)]!, 5);
  });
}

describe("sequences of different lengths", () => {
  const canvases = () => [5, 9, 2, 9].map((length, i) => randomCanvas(length, 20 + i));

  it.each([true, false])("propose in a batch as alone (padding: %s)", (takesPadding) => {
    const shapes: string[] = [];
    const watching: Denoiser = {
      logits(ids, rows_N, options) {
        shapes.push(`${ids.shape} ${options?.padding === undefined ? "" : "padded"}`.trim());
        return network.logits(ids, rows_N, options);
      },
    };
    const together = proposerOf({ takesPadding }, watching).propose(canvases().map((canvas) => ask(canvas)));
    expect(shapes).toEqual(takesPadding ? ["4,9 padded"] : ["1,5", "2,9", "1,2"]);
    for (const [i, canvas] of canvases().entries()) {
      const alone = one(proposerOf(), ask(canvas));
      const beside = (together as Proposal[])[i]!;
      expect([...beside.token]).toEqual([...alone.token]);
      expect([...beside.best]).toEqual([...alone.best]);
      for (const name of ["probability", "entropy", "margin", "plainProbability", "plainEntropy"] as const) {
        beside[name].forEach((value, k) => {
          expect(value).toBeCloseTo(alone[name][k]!, 5);
        });
      }
    }
  });
});

describe("a cache", () => {
  it.each([0, 1] as const)("gives block by block what the whole forward gives (shift %i)", (shift) => {
    const canvas = randomCanvas(12, 31);
    const whole = direct(canvas, { visibility: byBlocks });
    const proposer = proposerOf({ shift, visibility: byBlocks });
    const rowOf = (column: number) => Math.max(0, column - shift);
    expectRows(one(proposer, ask(canvas, 0, 6, { keep: 6 })), whole, rowOf);
    // Looked at twice, kept once.
    expectRows(one(proposer, ask(canvas, 6, 9, { keep: 0 })), whole, rowOf);
    expectRows(one(proposer, ask(canvas, 6, 9, { keep: 3 })), whole, rowOf);
    expectRows(one(proposer, ask(canvas, 9, 12, { keep: 0 })), whole, rowOf);
    // Forgotten and read anew.
    expectRows(one(proposer, ask(canvas, 3, 12, { truncate: 3, keep: 9 })), whole, rowOf);
    expect(canvas.forwards).toBe(5);
    proposer.finish!(canvas);
  });

  it.each([0, 1] as const)("may be written over in its middle (shift %i)", (shift) => {
    const canvas = randomCanvas(9, 32);
    const proposer = proposerOf({ shift, visibility: causal });
    one(proposer, ask(canvas, 0, 9, { keep: 9 }));
    canvas.ids[5] = (canvas.ids[5]! + 1) % V;
    const whole = direct(canvas, { visibility: causal });
    const rowOf = (column: number) => Math.max(0, column - shift);
    expectRows(one(proposer, ask(canvas, 5, 9, { at: 5, keep: 4 })), whole, rowOf);
    expectRows(one(proposer, ask(canvas, 4, 6, { at: 4, keep: 2 })), whole, rowOf);
    expectRows(one(proposer, ask(canvas, 0, 2, { at: 0, keep: 2 })), whole, rowOf);
    proposer.finish!(canvas);
  });

  it("keeps what the plan says when columns are written at its very end", () => {
    const canvas = randomCanvas(9, 33);
    const whole = direct(canvas, { visibility: causal });
    const lengths: number[] = [];
    const watching: Denoiser = {
      logits(ids, rows_N, options) {
        const logits = network.logits(ids, rows_N, options);
        lengths.push(options!.cache!.cache.length);
        return logits;
      },
      createCache: (options) => network.createCache(options),
    };
    for (const shift of [0, 1] as const) {
      lengths.length = 0;
      const proposer = proposerOf({ shift, visibility: causal }, watching);
      const rowOf = (column: number) => Math.max(0, column - shift);
      one(proposer, ask(canvas, 0, 4, { keep: 4 }));
      expectRows(one(proposer, ask(canvas, 4, 6, { at: 4, keep: 0 })), whole, rowOf);
      expectRows(one(proposer, ask(canvas, 4, 9, { at: 4, keep: 2 })), whole, rowOf);
      expectRows(one(proposer, ask(canvas, 6, 9, { keep: 1 })), whole, rowOf);
      expect(lengths).toEqual([4, 4, 6, 7]);
      proposer.finish!(canvas);
    }
  });

  it("reads the candidate's own row at the boundary where published code does", () => {
    const canvas = randomCanvas(9, 34);
    const whole = direct(canvas, { visibility: causal });
    const fed: number[] = [];
    const watching: Denoiser = {
      logits(ids, rows_N, options) {
        fed.push(ids.shape[1]!);
        return network.logits(ids, rows_N, options);
      },
      createCache: (options) => network.createCache(options),
    };
    const options = { shift: 1, visibility: causal, ownRowAtBoundary: true } as const;
    const proposer = proposerOf(options, watching);
    one(proposer, ask(canvas, 0, 4, { keep: 4 }));
    const proposal = one(proposer, ask(canvas, 4, 9, { keep: 0 }));
    expectRows(proposal, whole, (column) => (column === 4 ? 4 : column - 1));
    // Nothing more is fed where the first candidate is not the first column.
    const later = { ...ask(canvas, 4, 9, { keep: 0 }).plan, candidates: all(5, 9) };
    expectRows(one(proposer, { canvas, plan: later }), whole, (column) => column - 1);
    expect(fed).toEqual([4, 5, 5]);
    proposer.finish!(canvas);
  });

  it("is one for each sequence, freed when it is done and when the iteration is left", async () => {
    const blocks: Policy = {
      name: "blocks",
      limit: (canvas) => canvas.length,
      start(canvas) {
        let block = 0;
        return {
          plan(): Plan | undefined {
            const from = block++ * blockLength;
            if (from >= canvas.length) return undefined;
            const to = Math.min(from + blockLength, canvas.length);
            const candidates = all(from, to).filter((column) => canvas.open[column] === 1);
            return { from, to, candidates, cache: { keep: to - from } };
          },
          decide: ({ columns }) => ({ commit: [...columns.keys()] }),
        };
      },
    };
    const canvases = () => [9, 3, 6].map((length, i) => randomCanvas(length, 40 + i));
    const options = { visibility: byBlocks, sampling: { temperature: 0 } };
    const before = liveTensors().count;
    const together = canvases();
    for await (const _ of decode(together, proposerOf(options), blocks));
    expect(liveTensors().count).toBe(before);
    for (const [i, canvas] of canvases().entries()) {
      for await (const _ of decode([canvas], proposerOf(options), blocks));
      expect([...canvas.ids]).toEqual([...together[i]!.ids]);
    }
    for await (const _ of decode(canvases(), proposerOf(options), blocks)) {
      expect(liveTensors().count).toBeGreaterThan(before);
      break;
    }
    expect(liveTensors().count).toBe(before);
  });

  it("is refused where the network keeps none, or the column before is not in it", () => {
    const canvas = randomCanvas(6, 50);
    const { logits } = { logits: network.logits.bind(network) };
    expect(() => one(proposerOf({}, { logits }), ask(canvas, 0, 3, { keep: 3 }))).toThrow(/keeps no cache/);
    const proposer = proposerOf({ shift: 1 });
    expect(() => one(proposer, ask(canvas, 3, 6, { keep: 3 }))).toThrow(/the column before 3/);
    proposer.finish!(canvas);
  });
});

describe("how columns see each other", () => {
  it("is the plan's to say, for its own sequence", () => {
    const canvases = [randomCanvas(6, 60), randomCanvas(6, 61)] as const;
    const sees = { kind: "block-causal", firstBlock: 2, blockLength: 2 } as const;
    const requests = [{ ...ask(canvases[0]), plan: { ...ask(canvases[0]).plan, sees } }, ask(canvases[1])];
    const proposals = proposerOf().propose(requests) as Proposal[];
    expectRows(proposals[0]!, direct(canvases[0], { visibility: sees }), (column) => column);
    expectRows(proposals[1]!, direct(canvases[1], {}), (column) => column);
  });
});

it("leaves the network's weights alone", () => {
  const weight = [...network.parameters.values()][0]!;
  const copy = keep(tensor(Float64Array.from(toNumbers(weight)), [...weight.shape]));
  one(proposerOf(), ask(randomCanvas(7, 70)));
  expect(toNumbers(weight)).toEqual(toNumbers(copy));
  copy.dispose();
});
