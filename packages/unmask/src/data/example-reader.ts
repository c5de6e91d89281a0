// Examples of files one after the other, epoch after epoch, without end: what a stream shuffles.

import type { Answer } from "./example.ts";
import { EpochRows, type RowsState, startOf } from "./file-order.ts";
import type { DataFile } from "./files.ts";
import { isWrapped, type MakeContext, make, noRows } from "./rows.ts";
import { Tally } from "./tally.ts";
import { nothingPending, type Wrapper, type WrapState, wrapper } from "./wrap.ts";

/** In front of an example: plain data. */
export interface ReaderPosition {
  /** In front of the row that gives it, and what was joined and not cut by then. */
  readonly rows: RowsState;
  readonly wrap: WrapState;
  /** Examples that the row gives before it. */
  readonly used: number;
  /** Examples of the epoch before it. */
  readonly ofEpoch: number;
}

export const readerStart: ReaderPosition = {
  rows: startOf(0),
  wrap: nothingPending,
  used: 0,
  ofEpoch: 0,
};

export interface ReadExample {
  readonly answer: Answer;
  readonly position: ReaderPosition;
  readonly epoch: number;
}

export interface ReaderOptions {
  readonly files: readonly DataFile[];
  readonly context: MakeContext;
  readonly seed: number;
}

export class ExampleReader {
  readonly #options: ReaderOptions;
  readonly #wrapper: Wrapper | undefined;
  #rows: EpochRows;
  #wrap: WrapState;
  #ofEpoch: number;
  /** What the last row gave, and how many of it were taken. */
  #made: readonly Answer[] = [];
  #taken = 0;
  #before: Pick<ReaderPosition, "rows" | "wrap">;
  /** Of the row read first. */
  #skip: number;

  constructor(options: ReaderOptions, from: ReaderPosition) {
    const { context } = options;
    this.#options = options;
    this.#wrapper = isWrapped(context)
      ? wrapper(context.config, context.tokenizer, context.length)
      : undefined;
    this.#rows = this.#epoch(from.rows);
    this.#wrap = from.wrap;
    this.#before = from;
    this.#skip = from.used;
    this.#ofEpoch = from.ofEpoch;
  }

  #epoch(state: RowsState): EpochRows {
    const { files, context, seed } = this.#options;
    return new EpochRows(files, state, { config: context.config, seed });
  }

  async next(): Promise<ReadExample> {
    try {
      while (this.#taken >= this.#made.length) await this.#read();
    } catch (error) {
      await this.close();
      throw error;
    }
    const { epoch } = this.#before.rows;
    const position = { ...this.#before, used: this.#taken, ofEpoch: this.#ofEpoch };
    const answer = this.#made[this.#taken++]!;
    this.#ofEpoch++;
    return { answer, position, epoch };
  }

  /** One row, or what is left at the end of an epoch and its end. */
  async #read(): Promise<void> {
    this.#before = { rows: this.#rows.state, wrap: this.#wrap };
    const row = await this.#rows.next();
    const { context, files } = this.#options;
    if (row === undefined) {
      this.#made = answersOf(this.#wrapper?.end(this.#wrap) ?? []);
      this.#wrap = nothingPending;
      if (this.#made.length === 0) {
        if (this.#ofEpoch === 0) throw noRows(files, context.tally);
        this.#rows = this.#epoch(startOf(this.#before.rows.epoch + 1));
        this.#ofEpoch = 0;
      }
    } else {
      // Rows of later epochs are the same ones.
      const counted = this.#before.rows.epoch === 0 ? context : { ...context, tally: new Tally() };
      const made = make(row, counted);
      this.#made = made?.ids === undefined ? (made?.answers ?? []) : this.#wrapped(made.ids);
    }
    this.#taken = Math.min(this.#skip, this.#made.length);
    if (this.#made.length > 0) this.#skip = 0;
  }

  #wrapped(ids: Int32Array): Answer[] {
    const { rows, state } = this.#wrapper!.add(ids, this.#wrap);
    this.#wrap = state;
    return answersOf(rows);
  }

  close(): Promise<void> {
    return this.#rows.close();
  }
}

const answersOf = (rows: readonly Int32Array[]): Answer[] => rows.map((ids) => ({ ids, promptLength: 0 }));
