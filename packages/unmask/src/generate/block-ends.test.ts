import { describe, expect, it } from "vitest";
import { newCanvas } from "../decode/canvas.ts";
import { BlockEnds } from "./block-ends.ts";

const blocks = [
  { from: 2, to: 5 },
  { from: 5, to: 8 },
  { from: 8, to: 11 },
];

describe("BlockEnds", () => {
  it("tells each block once, when nothing in it is open, in whatever order", () => {
    const canvas = newCanvas({ length: 11, noiseId: 9, prompt: [1, 1], given: new Map([[6, 1]]) });
    const ends = new BlockEnds(canvas, blocks, 10);
    const close = (...columns: number[]) => {
      for (const column of columns) canvas.open[column] = 0;
      return ends.advance(undefined);
    };
    expect(ends.advance(undefined)).toEqual([]);
    expect(close(5, 7)).toEqual([8]);
    expect(close(2, 4)).toEqual([]);
    expect(close(3)).toEqual([5]);
    // Column 10 only fills the last block.
    expect(close(8, 9)).toEqual([10]);
    expect(close(10)).toEqual([]);
  });

  it("says nothing of blocks behind the text's end", () => {
    const canvas = newCanvas({ length: 11, noiseId: 9, prompt: [1, 1] });
    const ends = new BlockEnds(canvas, blocks, 11);
    canvas.open.fill(0);
    expect(ends.advance(6)).toEqual([5, 8]);
    expect(ends.advance(6)).toEqual([]);
  });
});
