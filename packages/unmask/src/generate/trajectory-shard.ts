// Trajectories into a file: each is appended to a journal as it comes, and the finished journal becomes one Parquet
// shard, written beside its place and renamed. A killed process leaves the journal: a line of JSON with the header, then
// a line a sequence, of which the whole ones can be read.

import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { UnmaskError } from "../base/errors.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { encodeTrajectories, type TrajectoryFile } from "../trajectory/file.ts";
import { parseJournal } from "../trajectory/journal.ts";
import type { Trajectory, TrajectoryHeader } from "../trajectory/record.ts";
import { textsFor } from "./token-texts.ts";

export class TrajectoryShard {
  readonly path: string;
  private readonly journal: string;
  private readonly tokenizer: Tokenizer | undefined;
  private header: TrajectoryHeader | undefined;

  /**
   * `path` of the Parquet file; an old journal of the same name is begun anew. With a tokenizer, the texts of the
   * tokens are kept in the file.
   */
  constructor(path: string, tokenizer?: Tokenizer) {
    this.path = path;
    this.tokenizer = tokenizer;
    this.journal = `${path}.journal`;
    this.write(() => writeFileSync(this.journal, ""));
  }

  add(trajectory: Trajectory, header: TrajectoryHeader): void {
    if (this.header === undefined) this.append(header);
    this.header ??= header;
    this.append(trajectory);
  }

  /** NaN is no JSON; null comes back as NaN. */
  private append(value: object): void {
    this.write(() => appendFileSync(this.journal, `${JSON.stringify(value)}\n`, { flush: true }));
  }

  /** Writes the shard and removes the journal; nothing if no trajectory came. */
  finish(): void {
    if (this.header === undefined) {
      rmSync(this.journal, { force: true });
      return;
    }
    const file = readJournal(this.journal);
    const texts = this.tokenizer === undefined ? undefined : textsFor(this.tokenizer, file);
    const bytes = encodeTrajectories(file.header, file.rows, texts);
    this.write(() => {
      const temporary = `${this.path}.${process.pid}.tmp`;
      writeFileSync(temporary, bytes, { flush: true });
      renameSync(temporary, this.path);
      rmSync(this.journal, { force: true });
    });
  }

  private write(body: () => void): void {
    try {
      body();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new UnmaskError(
        `${this.path}: the trajectories could not be written (${reason}); check the folder and its free space`,
        { path: this.path },
        { cause },
      );
    }
  }
}

/** The whole lines of a journal; a last line that a kill cut off is left out. Throws a DataError. */
export const readJournal = (journal: string): TrajectoryFile =>
  parseJournal(readFileSync(journal, "utf8"), journal);
