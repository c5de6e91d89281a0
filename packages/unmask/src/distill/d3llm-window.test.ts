import { describe, expect, it } from "vitest";
import { permutation, streams } from "../base/rng.ts";
import { hiddenInRecord, hideLast, recordStep, windowAt, windowCount } from "./d3llm-window.ts";

const shuffled = (count: number, number: number) =>
  Array.from(permutation(count, { seed: 5, stream: streams.shuffle }, number));
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe("windows", () => {
  it("cover the answer without an empty one", () => {
    for (const size of [1, 3, 4, 16]) {
      for (const tokens of [1, 2, 3, 4, 7, 12]) {
        const [begin, count] = [5, windowCount(tokens, size, "corrected")];
        const end = begin + tokens;
        const windows = range(0, count).map((index) => windowAt(index, { begin, end, size, count }));
        expect(windows.flatMap(({ from, to }) => range(from, to))).toEqual(range(begin, end));
        for (const { from, to } of windows) expect(to).toBeGreaterThan(from);
      }
    }
  });

  it("are as published one more than fit, the last one with the padding", () => {
    const count = windowCount(12, 4, "released");
    expect(count).toBe(4);
    expect(windowAt(2, { begin: 5, end: 20, size: 4, count })).toEqual({ from: 13, to: 17 });
    expect(windowAt(3, { begin: 5, end: 20, size: 4, count })).toEqual({ from: 17, to: 20 });
    expect(windowAt(3, { begin: 5, end: 17, size: 4, count })).toEqual({ from: 17, to: 17 }); // empty
    expect(windowCount(3, 4, "released")).toBe(1);
  });
});

describe("hideLast", () => {
  it("hides exactly ⌈t n⌉ of a window, whatever its length and the order", () => {
    for (const tokens of [1, 5, 16, 21, 24, 32]) {
      const columns = range(40, 40 + tokens);
      for (const ratio of [0, 0.2, 0.35, 0.5, 0.7, 0.8, 1]) {
        const hidden = hideLast(columns, shuffled(tokens, tokens), ratio);
        expect(hidden).toHaveLength(Math.ceil(ratio * tokens - 1e-9));
      }
    }
  });

  it("hides what was revealed last, whatever was revealed outside of the window", () => {
    expect(hideLast([7, 8, 9, 10], [12, 40, 13, 2], 0.5)).toEqual([8, 9]);
    expect(hideLast([7, 8, 9, 10], [1, 3, 2, 0], 0.25)).toEqual([8]);
    // Equal steps, and columns without one, count from left to right.
    expect(hideLast([7, 8, 9, 10], [1, 1, 1, 1], 0.5)).toEqual([9, 10]);
    const [never] = [Number.POSITIVE_INFINITY];
    expect(hideLast([7, 8, 9, 10], [never, 1, never, 0], 0.25)).toEqual([9]);
  });
});

describe("the published rule", () => {
  const trace = { promptLength: 4, steps: [1, 0, 3, 2, 6, 4, 5, 7], count: 8 };

  it("shows one token more than the ratio asks for", () => {
    const step = recordStep({ from: 0, to: 4 }, 0.5, trace);
    expect(step).toBe(2); // three tokens are visible
    expect(hiddenInRecord({ from: 4, to: 8 }, step, trace, { padHidden: true })).toEqual([6]);
    expect(hideLast([4, 5, 6, 7], trace.steps.slice(0, 4), 0.5)).toEqual([6, 7]);
  });

  it("misses the ratio where the window lies across the teacher's blocks", () => {
    // Columns 2 to 6 of the answer: half of them are in a block that the teacher has not begun.
    const step = recordStep({ from: 2, to: 6 }, 0.5, trace);
    expect(hiddenInRecord({ from: 6, to: 10 }, step, trace, { padHidden: true })).toEqual([8]);
    expect(hideLast([6, 7, 8, 9], trace.steps.slice(2, 6), 0.5)).toEqual([8, 9]);
  });

  it("ends at the record's last step, and reads padding behind it", () => {
    const step = recordStep({ from: 6, to: 12 }, 0, trace);
    expect(step).toBe(7);
    expect(hiddenInRecord({ from: 10, to: 16 }, step, trace, { padHidden: true })).toEqual([12, 13, 14, 15]);
    expect(hiddenInRecord({ from: 10, to: 16 }, step, trace, { padHidden: false })).toEqual([]);
  });

  it("reads other tokens behind a longer prompt, without a word", () => {
    const longer = hiddenInRecord({ from: 6, to: 10 }, 1, trace, { padHidden: true });
    expect(longer).toEqual([6, 7, 8, 9]); // the teacher's columns 2 to 5 instead of 0 to 3
    const shorter = hiddenInRecord({ from: 2, to: 6 }, 1, trace, { padHidden: true });
    expect(shorter).toEqual([]); // the teacher's prompt
  });
});
