import { describe, expect, it } from "vitest";
import { ConfigError, DataError } from "../base/errors.ts";
import type { Place } from "../train/method.ts";
import { d3llmBatch } from "./d3llm-batch.ts";
import type { D3llmExample } from "./d3llm-hide.ts";
import { type D3llmOptions, d3llmVariants, dparallelVariants, settle } from "./d3llm-options.ts";

const [maskId, padId] = [99, 50];

/** A text of numbers from 1, its order from right to left. */
function example(sequence: number, promptLength: number, tokens: number, tail = 0): D3llmExample {
  const ids = Array.from({ length: promptLength + tokens }, (_, i) => 1 + i);
  return {
    sequence,
    ids,
    promptLength,
    steps: Array.from({ length: tokens }, (_, i) => tokens - 1 - i),
    tail,
  };
}
const examples = [example(0, 3, 9, 2), example(1, 5, 4), example(2, 1, 13)];
const place = (numbers: number[], progress = 0): Place => ({
  ...{ seed: 4, step: 0, examples: numbers, first: 0, count: numbers.length, progress },
});
const small = { progressiveBlockSizes: [4], maxLength: 40 };
const options = (change: Partial<D3llmOptions> = {}) =>
  settle({ maskId, padId, ...small, ...change }, d3llmVariants.llada);
const batchOf = (some: D3llmExample[], numbers: number[], change: Partial<D3llmOptions> = {}) =>
  d3llmBatch(some, place(numbers, 0.5), options(change));

/** Columns that are scored in a row of a half, and what is fed there. */
function rowsOf(batch: ReturnType<typeof batchOf>, half: number, shift = 0) {
  const { ids, reads, targets } = batch.halves[half]!;
  return Array.from({ length: batch.rows }, (_, row) => {
    const own = Array.from(reads, (read, i) => ({ flat: read + shift, target: targets[i]! })).filter(
      ({ flat }) => Math.floor(flat / batch.length) === row,
    );
    return {
      ids: Array.from(ids.subarray(row * batch.length, (row + 1) * batch.length)),
      scored: own.map(({ flat }) => flat % batch.length),
      targets: own.map(({ target }) => target),
    };
  });
}

describe("d3llmBatch", () => {
  it("hides complementary tokens of one window: clean before it, masks behind it, unscored", () => {
    for (let number = 0; number < 60; number++) {
      const batch = batchOf(examples, [number, number + 100, number + 200]);
      const [first, second] = [rowsOf(batch, 0), rowsOf(batch, 1)];
      examples.forEach(({ ids, promptLength, tail }, row) => {
        const [a, b] = [first[row]!, second[row]!];
        const scored = [...a.scored, ...b.scored].sort((x, y) => x - y);
        const [from, to] = [scored[0]!, scored.at(-1)! + 1];
        // The two halves partition a window.
        expect(scored).toEqual(Array.from({ length: to - from }, (_, i) => from + i));
        expect((from - promptLength) % 4).toBe(0);
        const end = ids.length + tail;
        for (const half of [a, b]) {
          const clean = Array.from({ length: end }, (_, i) => ids[i] ?? padId);
          expect(half.ids.slice(0, from)).toEqual(clean.slice(0, from));
          expect(half.ids.slice(to, end)).toEqual(clean.slice(to).map(() => maskId));
          for (let column = from; column < to; column++) {
            expect(half.ids[column]).toBe(half.scored.includes(column) ? maskId : clean[column]);
          }
          expect(half.targets).toEqual(half.scored.map((column) => clean[column]));
          expect(half.ids.slice(end).every((id) => id === padId)).toBe(true);
        }
        // Exactly the ratio of the window's text, and all of its padding; the order is from right to left.
        const text = scored.filter((column) => column < ids.length);
        const hidden = a.scored.filter((column) => column < ids.length);
        expect(hidden).toHaveLength(Math.ceil(batch.ratios[row]! * text.length - 1e-9));
        expect(hidden).toEqual(text.slice(0, hidden.length));
        expect(a.scored.filter((column) => column >= ids.length)).toEqual(
          scored.filter((column) => column >= ids.length),
        );
      });
    }
  });

  it("draws by the example alone, every window of it", () => {
    const seen = new Set<number>();
    for (let number = 0; number < 60; number++) {
      const beside = rowsOf(batchOf(examples, [7, 8, number]), 0)[2]!;
      const alone = rowsOf(batchOf([examples[2]!], [number]), 0)[0]!;
      expect(alone.scored).toEqual(beside.scored);
      expect(alone.ids).toEqual(beside.ids.slice(0, alone.ids.length));
      seen.add(Math.floor((alone.scored[0]! - 1) / 4));
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3]);
  });

  it("follows the curricula", () => {
    const settled = options({ progressiveBlockSizes: [2, 6], minMaskRatio: 0.25, maxMaskRatio: 0.75 });
    const sizes = [0, 0.25, 1].map((progress) => d3llmBatch(examples, place([1, 2, 3], progress), settled));
    expect(sizes.map(({ windowSize }) => windowSize)).toEqual([2, 4, 6]);
    expect(new Set(sizes[0]!.ratios).size).toBe(3);
    expect(sizes[2]!.ratios).toEqual([0.75, 0.75, 0.75]);
  });

  it("keeps given tokens, which no mask covers and no loss counts", () => {
    const given = { ...example(0, 2, 6), steps: [0, -1, 2, 1, -1, 3] };
    for (let number = 0; number < 30; number++) {
      const batch = batchOf([given], [number]);
      for (const half of [0, 1]) {
        const { ids, scored } = rowsOf(batch, half)[0]!;
        expect([ids[3], ids[6]]).toEqual([4, 7]);
        expect(scored).not.toContain(3);
        expect(scored).not.toContain(6);
      }
    }
  });

  it("learns of a chat what is to be learnt", () => {
    const chat = {
      ids: [1, 2, 3, 4, 5, 6, 7, 8],
      promptLength: 2,
      learnt: Uint8Array.of(0, 0, 1, 1, 0, 0, 1, 1),
    };
    for (let number = 0; number < 30; number++) {
      const batch = batchOf([{ ...example(0, 2, 6), target: chat }], [number], {
        useBlockwiseLoss: number > 10,
      });
      for (const half of [0, 1]) {
        const { ids, scored } = rowsOf(batch, half)[0]!;
        expect([ids[4], ids[5]]).toEqual([5, 6]);
        expect(scored.filter((column) => column === 4 || column === 5)).toEqual([]);
      }
    }
  });

  it("reads the row before a column for a network with the shift, and never predicts column 0", () => {
    const bare = example(0, 0, 5);
    for (let number = 0; number < 20; number++) {
      const batch = batchOf([bare], [number], { shift: 1 });
      const scored = [0, 1].flatMap((half) => rowsOf(batch, half, 1)[0]!.scored);
      expect(Math.min(...scored)).toBeGreaterThan(0);
      expect(Math.min(...batch.halves.flatMap(({ reads }) => [...reads]))).toBeGreaterThanOrEqual(0);
    }
  });

  it("handles answers of one token, long prompts and rows without an answer, and counts them", () => {
    const batch = batchOf(
      [example(0, 3, 1), example(1, 44, 3), example(2, 30, 20), example(3, 4, 0)],
      [1, 2, 3, 4],
    );
    expect({ cut: batch.cut, empty: batch.empty, length: batch.length }).toEqual({
      cut: 2,
      empty: 2,
      length: 40,
    });
    const [one, long, cut, none] = rowsOf(batch, 0);
    expect(one!.scored).toEqual([3]);
    expect([long!.scored, none!.scored]).toEqual([[], []]);
    expect(Math.max(...cut!.scored, ...rowsOf(batch, 1)[2]!.scored)).toBeLessThan(40);
    expect([...batch.real!.subarray(0, 5)]).toEqual([1, 1, 1, 1, 0]);
  });

  it("takes the padding that the policy says into the last window", () => {
    const ends = (padding: "all" | "first" | "none") => {
      const scored = Array.from({ length: 40 }, (_, number) => {
        const batch = batchOf([example(0, 2, 3, 6)], [number], { padding });
        return [0, 1].flatMap((half) => rowsOf(batch, half)[0]!.scored);
      });
      return Math.max(...scored.flat());
    };
    expect([ends("all"), ends("first"), ends("none")]).toEqual([10, 5, 4]);
  });

  it("learns another answer in the recorded order, behind the same prompt alone", () => {
    const recorded = example(5, 3, 6);
    const other = { ids: [1, 2, 3, 70, 71, 72, 73], promptLength: 3 };
    const batch = batchOf([{ ...recorded, target: other }], [3], { useBlockwiseLoss: false });
    const { scored, targets } = rowsOf(batch, 0)[0]!;
    expect(targets).toEqual(scored.map((column) => other.ids[column] ?? padId));
    const wrong = { ids: [1, 2, 9, 70, 71], promptLength: 3 };
    const refused = () => batchOf([{ ...recorded, target: wrong }], [3]);
    expect(refused).toThrow(DataError);
    expect(refused).toThrow(/trajectory 5: the teacher's prompt/);
    expect(() => batchOf([{ ...recorded, target: wrong }], [3], { fidelity: "released" })).not.toThrow();
  });

  it("hides random tokens in the same number, for comparison", () => {
    const random = batchOf(examples, [1, 2, 3], { useNaiveRandomMask: true });
    const ordered = batchOf(examples, [1, 2, 3]);
    const counts = (batch: typeof random) => rowsOf(batch, 0).map(({ scored }) => scored.length);
    expect(counts(random)).toEqual(counts(ordered));
    expect(rowsOf(random, 0)).not.toEqual(rowsOf(ordered, 0));
  });
});

it.each([
  [{ progressiveBlockSizes: [] }, /progressive_block_sizes is empty/],
  [{ progressiveBlockSizes: [16, 0] }, /progressive_block_sizes is 0, expected an integer of at least 1/],
  [{ minMaskRatio: 0.9, maxMaskRatio: 0.8 }, /max_mask_ratio is 0.8, expected a number from 0.9 to 1/],
  [{ maxMaskRatio: 1.2 }, /max_mask_ratio is 1.2/],
  [{ temperature: 0 }, /temperature is 0/],
  [{ maxLength: 0.5 }, /max_length is 0.5/],
] as const)("refuses options outside their range: %o", (change, message) => {
  expect(() => options(change)).toThrow(ConfigError);
  expect(() => options(change)).toThrow(message);
});

describe("released fidelity", () => {
  const released = { fidelity: "released" } as const;

  it("has rows of one length, and one ratio a micro-batch", () => {
    const batch = batchOf(examples, [1, 2, 3], released);
    expect([batch.length, new Set(batch.ratios).size, batch.real]).toEqual([40, 1, undefined]);
    const dream = batchOf(examples, [1, 2, 3], { ...released, shift: 1, answerLength: 20 });
    expect(dream.length).toBe(25);
  });

  it("may choose a window of padding alone, which nothing is learnt from but padding", () => {
    const exact = example(0, 2, 8, 4);
    const scored = Array.from({ length: 60 }, (_, number) =>
      [0, 1].flatMap((half) => rowsOf(batchOf([exact], [number], released), half)[0]!.scored),
    );
    expect(scored.some((columns) => columns.every((column) => column >= 10))).toBe(true);
  });

  it("masks at random independently, near the ratio", () => {
    const many = example(0, 0, 40);
    const change = { ...released, ...dparallelVariants.dream, maxLength: 40, answerLength: 40 };
    const counts = Array.from(
      { length: 50 },
      (_, number) => rowsOf(batchOf([many], [number], change), 0)[0]!,
    );
    const hidden = counts.map(({ scored }) => scored.length);
    expect(new Set(hidden).size).toBeGreaterThan(3);
    expect(hidden.reduce((a, b) => a + b, 0) / 2000).toBeCloseTo(0.5, 1);
  });
});
