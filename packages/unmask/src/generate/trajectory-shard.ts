// Trajectories into a file: each is appended to a journal as it comes, and the finished journal becomes one Parquet
// shard, written beside its place and renamed. A killed process leaves the journal, whose whole lines can be read.

import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { UnmaskError } from "../base/errors.ts";
import { encodeTrajectories } from "../trajectory/file.ts";
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
    this.header ??= header;
    // NaN is no JSON; null comes back as NaN.
    this.write(() => appendFileSync(this.journal, `${JSON.stringify(trajectory)}\n`, { flush: true }));
  }

  /** Writes the shard and removes the journal; nothing if no trajectory came. */
  finish(): void {
    if (this.header === undefined) {
      rmSync(this.journal, { force: true });
      return;
    }
    const bytes = encodeTrajectories(this.header, readJournal(this.journal));
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

/** The whole lines of a journal; a last line that a kill cut off is left out. */
export function readJournal(journal: string): Trajectory[] {
  if (!existsSync(journal)) return [];
  const lines = readFileSync(journal, "utf8").split("\n");
  return lines.slice(0, -1).map((line) => {
    const one = JSON.parse(line) as Trajectory;
    const numbers = (values: readonly (number | null)[]) => values.map((value) => value ?? Number.NaN);
    return { ...one, confidence: numbers(one.confidence), entropy: numbers(one.entropy) };
  });
}
