// The journal of a shard that is being written, or whose writer was killed: a line of JSON with the header, then a line
// a sequence, of which the whole ones can be read.

import { DataError } from "../base/errors.ts";
import type { TrajectoryFile } from "./file.ts";
import type { Trajectory, TrajectoryHeader } from "./record.ts";

/** A last line that a kill cut off is left out. Throws a DataError that names the `source`. */
export function parseJournal(text: string, source: string): TrajectoryFile {
  const [head, ...lines] = text.split("\n").slice(0, -1);
  if (head === undefined) {
    throw new DataError(`${source}: no sequence was finished yet, there is nothing to read`, { source });
  }
  try {
    const header = JSON.parse(head) as TrajectoryHeader;
    return { header, rows: lines.map((line) => rowOf(JSON.parse(line) as Trajectory)) };
  } catch (cause) {
    throw new DataError(
      `${source}: no journal of trajectories, or damaged; generate them again`,
      { source },
      { cause },
    );
  }
}

/** NaN is no JSON: it was written as null. */
function rowOf(one: Trajectory): Trajectory {
  const numbers = (values: readonly (number | null)[]) => values.map((value) => value ?? Number.NaN);
  return { ...one, confidence: numbers(one.confidence), entropy: numbers(one.entropy) };
}
