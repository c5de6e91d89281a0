// Blocks that are decoded one after another, and the turns (forwards) that are spent on each.

import { type Canvas, countOpen } from "../canvas.ts";
import type { Feed, Span } from "./policy.ts";

export interface Turn extends Span {
  /** Place of the block among the blocks. */
  readonly block: number;
  /** Turns that the block had before. */
  readonly index: number;
  /** Columns of the block that were open at its first turn. */
  readonly total: number;
  /** Turns of the whole sequence before. */
  readonly step: number;
}

/**
 * Runs of `blockLength` columns behind the prompt, the last one shorter where the length does not divide; one of all
 * columns if there is no length. Blocks in which everything is given are left out.
 */
export function blocksOf(canvas: Canvas, blockLength = canvas.length): Span[] {
  const blocks: Span[] = [];
  const first = canvas.given.indexOf(0);
  for (let from = first; first >= 0 && from < canvas.length; from += blockLength) {
    const to = Math.min(from + blockLength, canvas.length);
    if (canvas.given.subarray(from, to).includes(0)) blocks.push({ from, to });
  }
  return blocks;
}

/** Columns that were not given: what a canvas can be asked to decide at most. */
export const writable = (canvas: Canvas): number =>
  canvas.given.reduce((sum, one) => sum - one, canvas.length);

/** Gives turns to one block after another, to each while `stays` says so or something in it is open. */
export class Turns {
  private readonly canvas: Canvas;
  private readonly blocks: readonly Span[];
  private readonly stays: (turn: Turn) => boolean;
  private turn: Turn | undefined;

  constructor(canvas: Canvas, blocks: readonly Span[], stays: (turn: Turn) => boolean = () => false) {
    this.canvas = canvas;
    this.blocks = blocks;
    this.stays = stays;
  }

  /** The turn that was given last. */
  get current(): Turn {
    if (this.turn === undefined) throw new Error("no turn was given yet");
    return this.turn;
  }

  next(): Turn | undefined {
    const last = this.turn;
    const again = last && { ...last, index: last.index + 1, step: last.step + 1 };
    if (again !== undefined && (this.open(again) > 0 || this.stays(again))) {
      this.turn = again;
      return again;
    }
    const start = last === undefined ? 0 : last.block + 1;
    const block = this.blocks.findIndex((run, i) => i >= start && this.open(run) > 0);
    if (block < 0) return undefined;
    const run = this.blocks[block]!;
    this.turn = { ...run, block, index: 0, total: this.open(run), step: again?.step ?? 0 };
    return this.turn;
  }

  private open({ from, to }: Span): number {
    return countOpen(this.canvas, from, to);
  }
}

/** What keys and values are kept of while a block is decoded: nothing, all before it, or all around it. */
export const blockCaches = ["none", "prefix", "dual"] as const;

export type BlockCache = (typeof blockCaches)[number];

/**
 * What a turn feeds. A block's first turn feeds the whole canvas and fills the cache; later ones feed the block and
 * what stands behind it (prefix), or the block alone, whose entries they replace (dual).
 */
export function feedOf({ from, to, index }: Turn, cache: BlockCache, length: number): Feed {
  if (cache === "none") return { from: 0, to: length };
  if (index === 0)
    return { from: 0, to: length, cache: { truncate: 0, keep: cache === "prefix" ? from : length } };
  if (cache === "prefix") return { from, to: length, cache: { keep: 0 } };
  return { from, to, cache: { at: from, keep: to - from } };
}

/**
 * Steps for each block, in proportion to what is open in it: at least one and at most one a column. Equal blocks get
 * equal shares if their number divides the steps.
 */
export function shareSteps(open: readonly number[], steps: number): number[] {
  const total = open.reduce((a, b) => a + b, 0);
  let before = 0;
  return open.map((count) => {
    const from = Math.round((steps * before) / total);
    before += count;
    return Math.min(count, Math.max(1, Math.round((steps * before) / total) - from));
  });
}
