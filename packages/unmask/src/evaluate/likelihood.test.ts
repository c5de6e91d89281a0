import { type Tensor, tensor, toNumbers } from "@unmask/torch";
import { describe, expect, test } from "vitest";
import { generator, streams } from "../base/rng.ts";
import { posteriors } from "../language/oracle.ts";
import { logProbability } from "../language/probability.ts";
import { sampleStory } from "../language/sample.ts";
import { storyGrammar } from "../language/stories.ts";
import type { Facts } from "../models/family.ts";
import { type Scorer, scorePairs } from "./likelihood.ts";
import { maskSets } from "./likelihood-masks.ts";

/** Words 0..V−1 and the mask V; `predict` gives logits [V] of one column of a row that may hold masks. */
interface Oracle {
  readonly words: number;
  readonly facts?: Partial<Facts>;
  predict(ids: readonly number[], column: number): ArrayLike<number>;
}

interface Probe extends Scorer {
  readonly fed: number[][];
}

function probe({ words, facts, predict }: Oracle): Probe {
  const fed: number[][] = [];
  const maskId = words;
  const usual = { family: "oracle", vocabularySize: words + 1, maskId, endIds: [], shift: 0 } as const;
  const all: Facts = { ...usual, contextLength: 64, denoises: true, ...facts };
  const logits = (ids_BL: Tensor, rows_N?: Tensor) => {
    const [count, length] = ids_BL.shape as [number, number];
    const ids = toNumbers(ids_BL);
    const rows = Array.from({ length: count }, (_, b) => ids.slice(b * length, (b + 1) * length));
    fed.push(...rows);
    const values = toNumbers(rows_N!).flatMap((at) => {
      const own = predict(rows[Math.floor(at / length)]!, (at % length) + all.shift);
      // Whatever stands at the mask must not matter.
      return [...Array.from(own), 3];
    });
    return tensor(Float64Array.from(values), [rows_N!.shape[0]!, words + 1]);
  };
  return { network: { logits, parameters: new Map() }, facts: all, fed };
}

/** A joint distribution of 3 words over 3 columns, behind any context. */
const words = 3;
const next = generator({ seed: 5, stream: streams.token, sequence: 0, step: 0 });
const weights = Float64Array.from({ length: words ** 3 }, () => next() ** 3);
const total = weights.reduce((sum, one) => sum + one, 0);
const probability = (text: readonly number[]) => weights[text[0]! * 9 + text[1]! * 3 + text[2]!]! / total;
const texts = Array.from(weights.keys(), (k) => [Math.floor(k / 9), Math.floor(k / 3) % 3, k % 3]);

/** ln p(word at column | what is not masked), the context of two columns left out of account. */
function conditional(ids: readonly number[], column: number): number[] {
  const seen = ids.slice(2);
  const fitting = texts.filter((text) => seen.every((id, i) => id === words || id === text[i]));
  const mass = (word: number) =>
    fitting.filter((text) => text[column - 2] === word).reduce((sum, text) => sum + probability(text), 0);
  return Array.from({ length: words }, (_, word) => Math.log(mass(word)));
}

const exactModel = () => probe({ words, predict: conditional });
const context = [0, 1];
const options = { draws: 7, seed: 1, sequence: 0 };

test("a network whose predictions fit together gives the likelihood exactly", () => {
  for (const continuation of texts) {
    const [score] = scorePairs(exactModel(), [{ context, continuation }], options);
    expect(score!.nll).toBeCloseTo(-Math.log(probability(continuation)), 9);
    expect(score).toMatchObject({ isExact: true, standardError: 0, rows: 7, tokens: 3, cut: 0 });
  }
});

/** Predictions that contradict each other: what they make of a text depends on the order. */
const crooked = (ids: readonly number[], column: number) =>
  conditional(ids, column).map((value, word) => value + Math.sin(7 * word + 3 * column + 5 * ids.at(-1)!));

const orders = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

/** −ln of the probability by which an order writes a text. */
function orderNll(order: readonly number[], text: readonly number[]): number {
  const ids = [...context, ...text.map(() => words)];
  return order.reduce((sum, place) => {
    const logits = crooked(ids, place + 2);
    const normal = Math.log(logits.reduce((all, value) => all + Math.exp(value), 0));
    ids[place + 2] = text[place]!;
    return sum + normal - logits[text[place]!]!;
  }, 0);
}

test("for any other it is the mean over all orders, which is no less than the likelihood", () => {
  const model = probe({ words, predict: crooked });
  for (const continuation of texts) {
    const [score] = scorePairs(model, [{ context, continuation }], options);
    const nlls = orders.map((order) => orderNll(order, continuation));
    expect(score!.nll).toBeCloseTo(nlls.reduce((sum, nll) => sum + nll, 0) / 6, 9);
    const mixed = -Math.log(nlls.reduce((sum, nll) => sum + Math.exp(-nll), 0) / 6);
    expect(score!.nll).toBeGreaterThanOrEqual(mixed - 1e-12);
  }
});

describe("draws", () => {
  test("their mean is the exact value, and the standard error is no less than it should be", () => {
    const model = probe({ words, predict: crooked });
    const pairs = [{ context, continuation: [2, 0, 1] }];
    const [exact] = scorePairs(model, pairs, options);
    const runs = Array.from({ length: 400 }, (_, sequence) => {
      return scorePairs(model, pairs, { draws: 3, seed: 9, sequence })[0]!;
    });
    const mean = runs.reduce((sum, { nll }) => sum + nll, 0) / runs.length;
    const spread = runs.reduce((sum, { nll }) => sum + (nll - mean) ** 2, 0) / (runs.length - 1);
    expect(runs[0]).toMatchObject({ isExact: false, rows: 3 });
    expect(Math.abs(mean - exact!.nll)).toBeLessThan(4 * Math.sqrt(spread / runs.length));
    const told = runs.reduce((sum, { standardError }) => sum + standardError ** 2, 0) / runs.length;
    expect(told).toBeGreaterThan(spread);
    expect(told).toBeLessThan(spread * 20);
  });

  test("choices of one question share them; seeds and questions do not", () => {
    const draw = (given: Partial<typeof options>) => maskSets(9, { ...options, draws: 16, ...given }).sets;
    expect(draw({})).toEqual(draw({}));
    expect(draw({ seed: 2 })).not.toEqual(draw({}));
    expect(draw({ sequence: 1 })).not.toEqual(draw({}));
  });

  test("every amount of masks has its turn", () => {
    const { sets } = maskSets(8, { draws: 16, seed: 0, sequence: 3 });
    const counts = sets.map(({ masked }) => masked.length).sort((a, b) => a - b);
    expect(counts).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8]);
  });

  test("weights of all sets add up to one loss a position", () => {
    for (const length of [1, 2, 5]) {
      const { sets, isExact } = maskSets(length, { draws: 31, seed: 0, sequence: 0 });
      const counted = sets.reduce((sum, { masked, weight }) => sum + masked.length * weight, 0);
      expect(isExact).toBe(true);
      expect(counted).toBeCloseTo(length, 12);
    }
    expect(() => maskSets(3, { draws: 0, seed: 0, sequence: 0 })).toThrow("draws is 0");
  });
});

test("one token takes one forward, and choices behind one context one row", () => {
  const model = exactModel();
  const pairs = [0, 1, 2].map((word) => ({ context: [...context, 1, 2], continuation: [word] }));
  const scores = scorePairs(model, pairs, { ...options, draws: 128 });
  const likely = scores.reduce((sum, { nll }) => sum + Math.exp(-nll), 0);
  expect(likely).toBeCloseTo(1, 9);
  expect(model.fed).toEqual([[...context, 1, 2, words]]);
});

test("the batch changes nothing", () => {
  const pairs = [
    { context, continuation: [2, 0, 1] },
    { context: [1], continuation: [0, 1, 1, 2] },
  ];
  const scores = [1, 3, 32].map((batchSize) =>
    scorePairs(
      probe({ words, predict: (ids, column) => crooked([0, 0, ...ids.slice(-3)], 2 + (column % 3)) }),
      pairs,
      {
        ...{ draws: 5, seed: 1, sequence: 0, batchSize },
      },
    ),
  );
  expect(scores[0]).toEqual(scores[2]);
  expect(scores[1]).toEqual(scores[2]);
});

test("where logits are shifted the row before predicts", () => {
  const straight = scorePairs(exactModel(), [{ context, continuation: [2, 0, 1] }], options);
  const shifted = scorePairs(
    probe({ words, predict: conditional, facts: { shift: 1 } }),
    [{ context, continuation: [2, 0, 1] }],
    options,
  );
  expect(shifted[0]!.nll).toBeCloseTo(straight[0]!.nll, 9);
});

test("block by block: what stands before is clean, nothing stands behind", () => {
  const model = probe({ words, facts: { blockLength: 2 }, predict: () => [0, 0, 0] });
  const [score] = scorePairs(model, [{ context: [0], continuation: [1, 2, 0, 1] }], options);
  const m = words;
  expect(model.fed.map((row) => row.join(""))).toEqual(
    [
      [0, m],
      ...[
        [0, 1, m, 0],
        [0, 1, 2, m],
        [0, 1, m, m],
      ],
      [0, 1, 2, 0, m],
    ].map((row) => row.join("")),
  );
  expect(score!.nll).toBeCloseTo(4 * Math.log(3), 6);
  expect(score).toMatchObject({ isExact: true, rows: 5 });
});

test("a context that is too long loses its beginning, and says so", () => {
  const model = probe({ words, facts: { contextLength: 4 }, predict: () => [0, 0, 0] });
  const [score] = scorePairs(model, [{ context: [0, 1, 2], continuation: [1, 2] }], options);
  expect(score!.cut).toBe(1);
  expect(model.fed[0]!.slice(0, 2)).toEqual([1, 2]);
});

test("mistakes", () => {
  const model = exactModel();
  const facts = { ...model.facts, denoises: false };
  expect(() => scorePairs({ ...model, facts }, [], options)).toThrow("fills in no masks");
  expect(() => scorePairs(model, [{ context, continuation: [] }], options)).toThrow("has no tokens");
  expect(() => scorePairs(model, [{ context, continuation: [9] }], options)).toThrow(
    "outside the model's vocabulary of 4",
  );
  const long = new Int32Array(65);
  expect(() => scorePairs(model, [{ context, continuation: long }], options)).toThrow(
    "longer than the model's context",
  );
});

test("a perfect denoiser of the story language is scored by the grammar's own probability", () => {
  const grammar = storyGrammar("tiny");
  const V = grammar.words.length;
  const predict = (ids: readonly number[], column: number) => {
    const revealed = ids.map((id) => (id === V ? undefined : grammar.words[id]!));
    return Array.from(posteriors(grammar, revealed)![column]!, Math.log);
  };
  const story = sampleStory(grammar, generator({ seed: 1, stream: streams.story, sequence: 0, step: 0 }));
  const ids = story.map((word) => grammar.wordNumbers.get(word)!);
  const pairs = [{ context: [], continuation: ids }];
  const [score] = scorePairs(probe({ words: V, predict }), pairs, {
    draws: 2 ** ids.length,
    seed: 0,
    sequence: 0,
  });
  expect(score!.isExact).toBe(true);
  expect(score!.nll).toBeCloseTo(-logProbability(grammar, story), 6);
});
