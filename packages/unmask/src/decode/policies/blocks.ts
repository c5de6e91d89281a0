// The blocks that d3LLM and D2F decode side by side: the prompt is block 0, runs of equal length follow it.
//
//   inactive    not created yet: its columns are no candidates
//   cautious    created; only what is sure enough is written
//   eager       its predecessor is nearly done ("fully activated"): the first such block writes a token every forward
//   finished    nothing open
//
// At most one block with open columns is created a forward: when the newest has progressed far enough, or is finished.

import { type Canvas, countOpen } from "../canvas.ts";
import type { DecodeFacts, OptionSpec } from "../decoder.ts";
import type { Fill } from "./policy.ts";

export interface Block {
  readonly from: number;
  readonly to: number;
  /** Columns that were open when decoding began. */
  readonly total: number;
  eager: boolean;
}

export interface BlockOptions {
  readonly blockLength: number;
  /** The next block is created when this share of the newest is written. */
  readonly blockAddThreshold: number;
  /** A block becomes eager when this share of its predecessor is written. */
  readonly decodedTokenThreshold: number;
  /** Leaves the columns that do not fill a block outside all blocks, as the published code does. */
  readonly onlyWhole?: boolean | undefined;
}

export class Blocks {
  readonly all: readonly Block[];
  /** How many exist, the prompt's included. */
  created = 1;
  /** Column behind the end of the text: nothing is open from there on, whatever the canvas still says. */
  end: number;
  private readonly canvas: Canvas;
  private readonly options: BlockOptions;

  constructor(canvas: Canvas, options: BlockOptions) {
    this.canvas = canvas;
    this.options = options;
    this.end = canvas.length;
    const { blockLength, onlyWhole = false } = options;
    const promptLength = promptLengthOf(canvas);
    const block = (from: number, to: number) => ({
      from,
      to,
      total: countOpen(canvas, from, to),
      eager: false,
    });
    const all = [{ ...block(0, promptLength), eager: true }];
    const last = onlyWhole ? canvas.length - blockLength : canvas.length - 1;
    for (let from = promptLength; from <= last; from += blockLength) {
      all.push(block(from, Math.min(from + blockLength, canvas.length)));
    }
    this.all = all;
  }

  get existing(): readonly Block[] {
    return this.all.slice(0, this.created);
  }

  /** Those with something to write. */
  get behindPrompt(): readonly Block[] {
    return this.all.slice(1).filter(({ total }) => total > 0);
  }

  /** How many columns of it are open. */
  remaining({ from, to }: Block): number {
    return countOpen(this.canvas, from, Math.min(to, this.end));
  }

  progress(block: Block): number {
    return block.total === 0 ? 1 : 1 - this.remaining(block) / block.total;
  }

  /** Creates the next block if it is due and the text may grow, and turns blocks eager. */
  advance(mayGrow = true): void {
    const { blockAddThreshold, decodedTokenThreshold } = this.options;
    const newest = this.all[this.created - 1]!;
    if (mayGrow && this.created < this.all.length && this.isDue(newest, blockAddThreshold)) {
      do this.created++;
      while (this.created < this.all.length && this.remaining(this.all[this.created - 1]!) === 0);
    }
    for (let b = 1; b < this.created; b++) {
      if (this.progress(this.all[b - 1]!) >= decodedTokenThreshold) this.all[b]!.eager = true;
    }
  }

  private isDue(newest: Block, threshold: number): boolean {
    return this.progress(newest) >= threshold || this.remaining(newest) === 0;
  }

  /** The text ends before column `end`: the blocks behind it are finished, and so is its own if nothing is open. */
  endAt(end: number): void {
    this.end = end;
    this.created = this.all.length;
    for (const block of this.all) {
      if (block.to >= end && this.remaining(block) === 0) block.eager = true;
    }
  }

  /** Column behind the last block that candidates may lie in. */
  right(): number {
    const last = this.existing.findLast((block) => block.eager || this.remaining(block) > 0);
    return last?.to ?? 0;
  }

  /** The first block that must write something in every forward. */
  firstEager(): Block | undefined {
    return this.existing.find((block, b) => b > 0 && block.eager && this.remaining(block) > 0);
  }
}

/** Columns that are given from the start of the canvas on. */
export function promptLengthOf(canvas: Canvas): number {
  const first = canvas.given.indexOf(0);
  return first < 0 ? canvas.length : first;
}

/** Column of the first end of text that was written, −1 if there is none. */
export function findEnd(canvas: Canvas, endIds: readonly number[]): number {
  return canvas.ids.findIndex(
    (token, column) => canvas.open[column] === 0 && canvas.given[column] === 0 && endIds.includes(token),
  );
}

/** Writes the token over all from a column on that is not yet so; undefined if there is nothing to write. */
export function fillFrom(canvas: Canvas, start: number, token: number): Omit<Fill, "keepOpen"> | undefined {
  const columns: number[] = [];
  for (let column = start; column < canvas.length; column++) {
    const isSo = canvas.open[column] === 0 && canvas.ids[column] === token;
    if (canvas.given[column] === 0 && !isSo) columns.push(column);
  }
  return columns.length === 0 ? undefined : { columns, token };
}

/** Why a decoder that writes masks all over the canvas does not fit a model. */
export function refusesWholeCanvas({
  denoises,
  blockLength,
  maskId,
  family,
}: DecodeFacts): string | undefined {
  if (!denoises) return `a ${family} model predicts next tokens and fills in none`;
  if (blockLength !== undefined) return `a ${family} model sees block by block, in blocks of its own`;
  if (maskId === undefined) return `the ${family} model names no mask token`;
  return undefined;
}

/** Options of decoders whose blocks join as the newest fills up. */
export const growingOptions = (blockAddThreshold: number) =>
  ({
    block_length: {
      kind: "integer",
      default: 32,
      min: 1,
      aliases: ["block_size"],
      doc: "Columns of a block; the last one may have fewer.",
    },
    block_add_threshold: {
      kind: "number",
      default: blockAddThreshold,
      min: 0,
      max: 1,
      doc: "The next block is begun when this share of the newest is written.",
    },
    decoded_token_threshold: {
      kind: "number",
      default: 0.95,
      min: 0,
      max: 1,
      doc: "A block must write something in every forward from when this share of the one before it is written.",
    },
  }) as const satisfies Record<string, OptionSpec>;
