// Rows of several files, epoch after epoch: the files in a new order each time, some of them read in turn. Where it stands
// can be written down, and reading goes on from there.

import { permutation, streams } from "../base/rng.ts";
import type { DataConfig } from "./config.ts";
import type { DataFile } from "./files.ts";
import { beginning, type Cursor, type Row } from "./row.ts";
import { rowsOf } from "./rows.ts";

/** Which files are open, and what comes next. */
export interface RowsState {
  readonly epoch: number;
  /** Files of the epoch's order that were opened so far. */
  readonly opened: number;
  /** Those being read: which, and from where. */
  readonly open: readonly { readonly file: number; readonly cursor: Cursor }[];
  /** The one of them whose turn it is. */
  readonly turn: number;
}

export const startOf = (epoch: number): RowsState => ({ epoch, opened: 0, open: [], turn: 0 });

export interface RowsOptions {
  readonly config: DataConfig;
  readonly seed: number;
}

interface Open {
  readonly file: number;
  readonly rows: AsyncGenerator<Row>;
  cursor: Cursor;
}

/** Rows of one epoch, from a state on. */
export class EpochRows {
  readonly #files: readonly DataFile[];
  readonly #config: DataConfig;
  readonly #order: Uint32Array;
  readonly #epoch: number;
  readonly #open: Open[];
  #opened: number;
  #turn: number;

  constructor(files: readonly DataFile[], state: RowsState, { config, seed }: RowsOptions) {
    this.#files = files;
    this.#config = config;
    this.#order = permutation(files.length, { seed, stream: streams.files }, state.epoch);
    this.#epoch = state.epoch;
    this.#opened = state.opened;
    this.#turn = state.turn;
    this.#open = state.open.map(({ file, cursor }) => this.#reader(file, cursor));
  }

  #reader(file: number, cursor: Cursor): Open {
    return { file, cursor, rows: rowsOf(this.#files[file]!, this.#config, { from: cursor }) };
  }

  get state(): RowsState {
    const open = this.#open.map(({ file, cursor }) => ({ file, cursor }));
    return { epoch: this.#epoch, opened: this.#opened, open, turn: this.#turn };
  }

  /** Undefined at the end of the epoch. */
  async next(): Promise<Row | undefined> {
    const most = Math.min(this.#config.interleave, this.#files.length);
    for (;;) {
      while (this.#open.length < most && this.#opened < this.#order.length) {
        this.#open.push(this.#reader(this.#order[this.#opened++]!, beginning));
      }
      if (this.#open.length === 0) return undefined;
      this.#turn %= this.#open.length;
      const current = this.#open[this.#turn]!;
      const { value, done } = await current.rows.next();
      if (!done) {
        current.cursor = value.next;
        this.#turn++;
        return value;
      }
      // The next file takes its place, or the ones behind move up.
      const next = this.#order[this.#opened];
      if (next === undefined) this.#open.splice(this.#turn, 1);
      else {
        this.#open[this.#turn] = this.#reader(next, beginning);
        this.#opened++;
      }
    }
  }

  async close(): Promise<void> {
    for (const { rows } of this.#open) await rows.return(undefined);
  }
}
