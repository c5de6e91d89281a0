// A row of a data file, where it stands, and from where the next one can be read.

/** What of a file is read: so many rows, so many bytes of text. */
export interface Cursor {
  readonly rows: number;
  readonly bytes: number;
}

export const beginning: Cursor = { rows: 0, bytes: 0 };

interface Placed {
  /** "data/a.jsonl, line 7", for messages. */
  readonly place: string;
  /** Behind this row. */
  readonly next: Cursor;
}

export type Fields = Readonly<Record<string, unknown>>;

/** A row, or what is wrong with it. */
export type Row = Placed & ({ readonly fields: Fields } | { readonly problem: string });

export interface RowOptions {
  /** Name of the file in messages. */
  readonly name: string;
  /** Rows before are passed over. */
  readonly from?: Cursor | undefined;
  /** Bytes of the longest row of a text or JSON file. */
  readonly longest?: number | undefined;
}

export const longestRow = 64 * 2 ** 20;
