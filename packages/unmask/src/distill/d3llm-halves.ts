// The two inputs that are made of one window of an answer: hidden tokens are masked in the first and scored there,
// visible ones in the second. Together they score every open token of the window once.

import type { Answer } from "../train/masked-batch.ts";
import type { Window } from "./d3llm-window.ts";

/** One of the two inputs. */
export interface Half {
  /** [rows · length] */
  readonly ids: Int32Array;
  /** Flat rows of the logits that are read, one a scored position. */
  readonly reads: Int32Array;
  readonly targets: Int32Array;
  /** Row of each position, and the share of its window that is masked. */
  readonly rows: Int32Array;
  readonly shares: Float64Array;
}

/** What becomes of a row. */
export interface Hidden {
  readonly window: Window;
  readonly hidden: readonly number[];
  /** The rest of the window, but for given tokens. */
  readonly visible: readonly number[];
  /** Tokens that no mask covers. */
  readonly given: readonly number[];
}

export interface Halves {
  readonly rows: number;
  readonly length: number;
  /** The first; the second one too, if wanted. */
  readonly halves: readonly Half[];
  /** [rows · length], 0 at columns that nobody sees; undefined where all are seen. */
  readonly real?: Uint8Array | undefined;
  /** Rows in which nothing is scored. */
  readonly empty: number;
}

export interface HalvesOptions {
  readonly maskId: number;
  readonly padId: number;
  readonly shift: 0 | 1;
  readonly useComplementaryLoss: boolean;
}

interface Positions {
  readonly ids: Int32Array;
  readonly columns: number[];
  readonly shares: number[];
}

export class HalvesBuilder {
  private readonly rows: number;
  private readonly length: number;
  private readonly options: HalvesOptions;
  private readonly clean: Int32Array;
  private readonly halves: readonly Positions[];
  private readonly real: Uint8Array;
  private empty = 0;

  constructor(rows: number, length: number, options: HalvesOptions) {
    this.rows = rows;
    this.length = length;
    this.options = options;
    this.clean = new Int32Array(rows * length).fill(options.padId);
    this.real = new Uint8Array(rows * length);
    const half = () => ({ ids: new Int32Array(rows * length), columns: [], shares: [] });
    this.halves = options.useComplementaryLoss ? [half(), half()] : [half()];
  }

  /** Writes a row whose canvas ends before column `end`. */
  add(row: number, { ids }: Answer, { window, hidden, visible, given }: Hidden, end: number): void {
    const start = row * this.length;
    const clean = this.clean.subarray(start, start + this.length);
    clean.set(ids);
    this.real.fill(1, start, start + Math.max(end, ids.length));
    const open = hidden.length + visible.length;
    if (open === 0) this.empty++;
    for (const [half, scored] of [hidden, visible].entries()) {
      const into = this.halves[half];
      if (into === undefined) continue;
      const noisy = into.ids.subarray(start, start + this.length);
      noisy.set(clean);
      noisy.fill(this.options.maskId, window.to, end);
      for (const column of given) noisy[column] = clean[column]!;
      for (const column of scored) {
        noisy[column] = this.options.maskId;
        into.columns.push(start + column);
        into.shares.push(scored.length / open);
      }
    }
  }

  finish(): Halves {
    const { rows, length, clean, empty } = this;
    const halves = this.halves.map(({ ids, columns, shares }) => ({
      ids,
      reads: Int32Array.from(columns, (flat) => flat - this.options.shift),
      targets: Int32Array.from(columns, (flat) => clean[flat]!),
      rows: Int32Array.from(columns, (flat) => Math.floor(flat / length)),
      shares: Float64Array.from(shares),
    }));
    return { rows, length, halves, real: this.real.includes(0) ? this.real : undefined, empty };
  }
}
