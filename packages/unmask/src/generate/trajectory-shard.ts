// Trajectories into a file: each is appended to a journal as it comes, and the finished journal becomes one Parquet
// shard, written beside its place and renamed. A killed process leaves the journal: a line of JSON with the header, then
// a line a sequence, of which the whole ones can be read.

import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { DataError, UnmaskError } from "../base/errors.ts";
import { encodeTrajectories, type TrajectoryFile } from "../trajectory/file.ts";
import type { Trajectory, TrajectoryHeader } from "../trajectory/record.ts";

export class TrajectoryShard {
  readonly path: string;
  private readonly journal: string;
  private header: TrajectoryHeader | undefined;

  /** `path` of the Parquet file; an old journal of the same name is begun anew. */
  constructor(path: string) {
    this.path = path;
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
    const { header, rows } = readJournal(this.journal);
    const bytes = encodeTrajectories(header, rows);
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
export function readJournal(journal: string): TrajectoryFile {
  const [head, ...lines] = readFileSync(journal, "utf8").split("\n").slice(0, -1);
  if (head === undefined) {
    throw new DataError(`${journal}: no sequence was finished yet, there is nothing to read`, { journal });
  }
  try {
    const header = JSON.parse(head) as TrajectoryHeader;
    return { header, rows: lines.map((line) => rowOf(JSON.parse(line) as Trajectory)) };
  } catch (cause) {
    throw new DataError(
      `${journal}: no journal of trajectories, or damaged; generate them again`,
      { journal },
      { cause },
    );
  }
}

function rowOf(one: Trajectory): Trajectory {
  const numbers = (values: readonly (number | null)[]) => values.map((value) => value ?? Number.NaN);
  return { ...one, confidence: numbers(one.confidence), entropy: numbers(one.entropy) };
}
