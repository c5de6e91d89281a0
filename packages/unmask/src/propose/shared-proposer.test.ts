// Sequences with options of their own in one forward: each is proposed what it would be alone.

import { liveTensors, noGrad, scope, type Tensor, tensor, toNumbers } from "@unmask/torch";
import { afterAll, describe, expect, it } from "vitest";
import { softmax } from "../../test/oracle/chi-square.ts";
import { mulberry32 } from "../../test/oracle/mulberry32.ts";
import { randomNetwork } from "../../test/oracle/networks.ts";
import { type Canvas, newCanvas } from "../decode/canvas.ts";
import type { Plan, Proposal, Request } from "../decode/policies/policy.ts";
import { type Denoiser, modelProposer, type ProposalOptions, sharedProposer } from "./propose.ts";

const { vocabulary: V, create } = randomNetwork("sdar", 11);
const network = create("float64");
const forbidden = scope(() =>
  tensor(
    Float32Array.from({ length: V }, (_, id) => (id < 2 ? -1 : 0)),
    [V],
  ),
);
afterAll(() => {
  for (const parameter of network.parameters.values()) parameter.dispose();
});

const blockLength = 3;
const visibility = { kind: "block-causal", blockLength } as const;
/** How many sequences and positions each forward had. */
const forwards: number[] = [];
const watched: Denoiser = {
  logits(ids, rows, options) {
    forwards.push(options?.segments?.length ?? ids.shape[0]!);
    return network.logits(ids, rows, options);
  },
  createCache: (options) => network.createCache(options),
};

function canvasOf(length: number, sequence: number): Canvas {
  const next = mulberry32(sequence + 1);
  const prompt = Array.from({ length: length - 3 }, () => Math.floor(next() * V));
  return newCanvas({ length, noiseId: V - 1, sequence, prompt });
}

const columns = (from: number, to: number): Int32Array =>
  Int32Array.from({ length: to - from }, (_, i) => from + i);

const cached = (canvas: Canvas, more: Partial<Plan> = {}): Request => {
  const { length } = canvas;
  const candidates = columns(length - 3, length);
  return { canvas, plan: { from: 0, to: length, candidates, cache: { keep: length - 3 }, ...more } };
};
const whole = (canvas: Canvas): Request => ({ canvas, plan: { ...cached(canvas).plan, cache: undefined } });

const different: readonly ProposalOptions[] = [
  { seed: 1, visibility },
  { seed: 2, visibility },
  { seed: 2, visibility, sampling: { temperature: 0 } },
  { seed: 3, visibility, sampling: { temperature: 0.7, topK: 5 }, needsMargin: true },
  { seed: 4, visibility, sampling: { topP: 0.5 }, forbidden: undefined },
  { seed: 5, visibility, top: 3 },
  { seed: 6, visibility, forbidden: undefined as Tensor | undefined },
];

type Ask = (canvas: Canvas) => Request;

function together(ask: Ask): Proposal[] {
  const canvases = different.map((_, i) => canvasOf(6 + 3 * (i % 3), i));
  const options = { takesPadding: true, takesSegments: true };
  const proposer = sharedProposer(watched, options, (canvas) => different[canvas.sequence]!);
  const proposals = proposer.propose(canvases.map(ask)) as Proposal[];
  for (const canvas of canvases) proposer.finish!(canvas);
  return proposals;
}

function alone(ask: Ask): Proposal[] {
  return different.map((options, i) => {
    const canvas = canvasOf(6 + 3 * (i % 3), i);
    const proposer = modelProposer(network, options);
    const [proposal] = proposer.propose([ask(canvas)]) as Proposal[];
    proposer.finish!(canvas);
    return proposal!;
  });
}

function expectSame(proposals: readonly Proposal[], expected: readonly Proposal[]): void {
  expect(proposals).toHaveLength(expected.length);
  for (const [i, one] of proposals.entries()) {
    const other = expected[i]!;
    expect([...one.token], `sequence ${i}`).toEqual([...other.token]);
    for (const name of ["probability", "entropy", "margin", "plainProbability"] as const) {
      for (const [k, value] of one[name].entries()) expect(value).toBeCloseTo(other[name][k]!, 5);
    }
    expect(one.top === undefined).toBe(other.top === undefined);
    expect([...(one.top?.token ?? [])]).toEqual([...(other.top?.token ?? [])]);
  }
}

describe("options of their own", () => {
  it.each([
    ["with caches, packed", cached],
    ["fed whole, padded", whole],
  ] as const)("share one forward (%s), and each is proposed what it would be alone", (_, ask) => {
    const expected = alone(ask);
    forwards.length = 0;
    const before = liveTensors().count;
    const proposals = together(ask);
    expect(forwards).toEqual([different.length]);
    expect(liveTensors().count).toBe(before);
    expectSame(proposals, expected);
  });

  it("that change the forward keep sequences apart", () => {
    const options = [visibility, { kind: "full" } as const, visibility].map((sees, seed) => ({
      seed,
      visibility: sees,
    }));
    const canvases = options.map((_, i) => canvasOf(6, i));
    forwards.length = 0;
    const proposer = sharedProposer(watched, { takesPadding: true }, ({ sequence }) => options[sequence]!);
    proposer.propose(canvases.map(whole));
    expect(forwards).toEqual([2, 1]);
  });
});

describe("what a proposal lists and a plan allows", () => {
  const logitsOf = (canvas: Canvas): number[][] =>
    scope(() =>
      noGrad(() => {
        const ids = tensor(canvas.ids.slice(), [1, canvas.length], { dtype: "int64" });
        const rows = tensor(columns(canvas.length - 3, canvas.length), undefined, { dtype: "int64" });
        const flat = toNumbers(network.logits(ids, rows, { visibility }));
        return [0, 1, 2].map((row) => flat.slice(row * V, (row + 1) * V));
      }),
    );

  it("the most probable tokens, with the logarithms of their probabilities, without what is forbidden", () => {
    const canvas = canvasOf(9, 3);
    const options = { seed: 0, visibility, top: 3, forbidden };
    const [{ top }] = modelProposer(network, options).propose([whole(canvas)]) as [Proposal];
    for (const [row, logits] of logitsOf(canvas).entries()) {
      const p = softmax(logits.map((logit, id) => (id < 2 ? -1e30 : logit)));
      const order = [...p.keys()].sort((a, b) => p[b]! - p[a]!).slice(0, 3);
      expect([...top!.token.subarray(3 * row, 3 * row + 3)]).toEqual(order);
      for (const [k, id] of order.entries()) {
        expect(top!.logprob[3 * row + k]).toBeCloseTo(Math.log(p[id]!), 4);
      }
    }
  });

  it("only allowed tokens are drawn, each column from its own set", () => {
    const canvas = canvasOf(9, 5);
    const setOf = (...ids: number[]) => {
      const bits = new Uint32Array(Math.ceil(V / 32));
      for (const id of ids) bits[id >>> 5]! |= 1 << (id & 31);
      return bits;
    };
    const allowed = [setOf(3), undefined, setOf(2, 4)];
    const request = { canvas, plan: { ...whole(canvas).plan, allowed } };
    for (let seed = 0; seed < 20; seed++) {
      const proposer = modelProposer(network, { seed, visibility });
      const [{ token, plainProbability }] = proposer.propose([request]) as [Proposal];
      expect(token[0]).toBe(3);
      expect(plainProbability[0]).toBeCloseTo(1, 6);
      expect([2, 4]).toContain(token[2]);
    }
    const best = logitsOf(canvas)[1]!;
    const greedy = modelProposer(network, { seed: 0, visibility, sampling: { temperature: 0 } });
    const [{ token }] = greedy.propose([request]) as [Proposal];
    expect(token[1]).toBe(best.indexOf(Math.max(...best)));
  });
});
