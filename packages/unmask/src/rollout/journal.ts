// A shard under way: a journal of lines, one a prompt that is done with, whatever became of it. A killed process leaves
// whole lines, which are replayed, and perhaps a broken last one, whose prompt is done again. The finished journal becomes
// one Parquet file, in the order of the prompts, and beside it what became of the others.

import {
  appendFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { DataError, invariant } from "../base/errors.ts";
import { encodeTrajectories } from "../trajectory/file.ts";
import type { Trajectory, TrajectoryHeader } from "../trajectory/record.ts";
import { type Rejection, rejections } from "./keep.ts";

/** What became of one answer to a prompt. */
export interface JournalLine {
  /** Number of the answer in the run: prompt · samples + sample. */
  readonly answer: number;
  readonly attempts: number;
  /** Of every attempt that was not kept, in order. */
  readonly rejected: readonly Rejection[];
  /** Absent where no attempt was kept. */
  readonly trajectory?: Trajectory | undefined;
}

export class Journal {
  readonly lines: JournalLine[] = [];
  /** Lines that a kill cut off, whose prompts are done again. */
  readonly lost: number;
  private header: TrajectoryHeader | undefined;
  private readonly path: string;
  private readonly journal: string;

  /** Goes on with the journal of the Parquet file `path`, if there is one. */
  constructor(path: string) {
    this.path = path;
    this.journal = `${path}.journal`;
    const text = existsSync(this.journal) ? readFileSync(this.journal, "utf8") : "";
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    this.lost = whole.length < text.length ? 1 : 0;
    if (this.lost > 0) truncateSync(this.journal, Buffer.byteLength(whole));
    for (const line of whole.split("\n").slice(0, -1)) this.replay(line);
  }

  add(line: JournalLine, header: TrajectoryHeader): void {
    if (this.header === undefined) this.append({ header });
    this.header ??= header;
    this.append(line);
    this.lines.push(line);
  }

  /** Writes the shard, in which nothing need have been kept, and removes the journal. */
  finish(): void {
    invariant(this.header !== undefined, "a journal without a line is finished");
    const counts = countLines(this.lines, this.lost);
    writeFileSync(countsPath(this.path), `${JSON.stringify(counts)}\n`, { flush: true });
    const rows = this.lines
      .flatMap(({ answer, trajectory }) =>
        trajectory === undefined ? [] : [{ ...trajectory, sequence: answer }],
      )
      .sort((a, b) => a.sequence - b.sequence);
    const temporary = `${this.path}.${process.pid}.tmp`;
    writeFileSync(temporary, encodeTrajectories(this.header, rows), { flush: true });
    renameSync(temporary, this.path);
    rmSync(this.journal, { force: true });
  }

  private replay(text: string): void {
    let value: { header?: TrajectoryHeader } & Partial<JournalLine>;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new DataError(
        `${this.journal}: a line is damaged; remove the file, and its prompts are answered again`,
        { file: this.journal },
        { cause },
      );
    }
    if (value.header !== undefined) this.header = value.header;
    else this.lines.push(withNumbers(value as JournalLine));
  }

  private append(value: object): void {
    appendFileSync(this.journal, `${JSON.stringify(value)}\n`, { flush: true });
  }
}

/** What became of the answers of a shard, or of several. */
export interface ShardCounts {
  readonly answers: number;
  readonly kept: number;
  /** Attempts that were not kept, by reason. */
  readonly rejected: Readonly<Record<Rejection, number>>;
  /** Answers whose line a kill cut off, and which were written again. */
  readonly lost: number;
  /** Of what was kept. */
  readonly forwards: number;
  readonly tokens: number;
}

const countsPath = (shard: string): string => shard.replace(/\.parquet$/, ".json");

function countLines(lines: readonly JournalLine[], lost: number): ShardCounts {
  const kept = lines.flatMap(({ trajectory }) => trajectory ?? []);
  const reasons = lines.flatMap(({ rejected }) => rejected);
  return {
    answers: lines.length,
    kept: kept.length,
    rejected: byReason((why) => reasons.filter((one) => one === why).length),
    lost,
    forwards: kept.reduce((sum, { forwards }) => sum + forwards, 0),
    tokens: kept.reduce((sum, { token_ids: ids }) => sum + ids.length, 0),
  };
}

const byReason = (count: (why: Rejection) => number): Record<Rejection, number> =>
  Object.fromEntries(rejections.map((why) => [why, count(why)])) as Record<Rejection, number>;

/** Of finished shards together. */
export function readCounts(shards: readonly string[]): ShardCounts {
  const all = shards.map((path) => JSON.parse(readFileSync(countsPath(path), "utf8")) as ShardCounts);
  const total = (of: (one: ShardCounts) => number) => all.reduce((sum, one) => sum + of(one), 0);
  return {
    answers: total((one) => one.answers),
    kept: total((one) => one.kept),
    rejected: byReason((why) => total((one) => one.rejected[why])),
    lost: total((one) => one.lost),
    forwards: total((one) => one.forwards),
    tokens: total((one) => one.tokens),
  };
}

/** NaN is no JSON; null comes back as NaN. */
function withNumbers(line: JournalLine): JournalLine {
  const { trajectory } = line;
  if (trajectory === undefined) return line;
  const numbers = (values: readonly (number | null)[]) => values.map((value) => value ?? Number.NaN);
  const { confidence, entropy } = trajectory;
  return {
    ...line,
    trajectory: { ...trajectory, confidence: numbers(confidence), entropy: numbers(entropy) },
  };
}
