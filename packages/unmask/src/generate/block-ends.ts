// Which of a decoder's blocks are finished: nothing in them is open. Several may be decoded side by side, so that they
// do not always end in their order.

import type { Canvas } from "../decode/canvas.ts";
import type { Span } from "../decode/policies/policy.ts";

interface Waiting {
  readonly from: number;
  readonly to: number;
  /** First column that may still be open. */
  next: number;
}

export class BlockEnds {
  private readonly canvas: Canvas;
  private waiting: Waiting[];

  /** `to`: the column behind the text, where a canvas is longer to fill its last block. */
  constructor(canvas: Canvas, blocks: readonly Span[], to: number) {
    this.canvas = canvas;
    this.waiting = blocks.map((block) => ({
      from: block.from,
      to: Math.min(block.to, to),
      next: block.from,
    }));
  }

  /** The columns behind the blocks that were finished since the last call; none behind the text's end. */
  advance(textEnd: number | undefined): number[] {
    const { open } = this.canvas;
    const ends: number[] = [];
    this.waiting = this.waiting.filter((block) => {
      if (textEnd !== undefined && block.from >= textEnd) return false;
      while (block.next < block.to && open[block.next] === 0) block.next++;
      if (block.next < block.to) return true;
      ends.push(block.to);
      return false;
    });
    return ends;
  }
}
