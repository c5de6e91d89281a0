// What a run has done so far, on the disk: its answers and verdicts in one journal, times in another, because times
// differ from run to run and answers do not.

import { join } from "node:path";
import type { Trajectory, TrajectoryHeader } from "../../trajectory/record.ts";
import { Journal, removeTemporary } from "./files.ts";
import type { LimitedGrade } from "./grade.ts";
import type { Identity } from "./identity.ts";
import type { Scored, Written } from "./unit.ts";

/** Which answer: indices into the plan's settings and tasks, and into the task's items. */
export interface Place {
  readonly setting: number;
  readonly task: number;
  readonly item: number;
}

export type AnswerLine = { readonly type: "answer"; readonly repeat: number } & Place & Written;
type ResultLine =
  | { readonly type: "begin"; readonly identity: Identity }
  | {
      readonly type: "header";
      readonly setting: number;
      readonly task: number;
      readonly header: TrajectoryHeader;
    }
  | AnswerLine
  | ({ readonly type: "scored" } & Place & Scored)
  | ({ readonly type: "graded"; readonly graded: LimitedGrade } & Place);

export interface SessionLine {
  readonly type: "session";
  readonly began: string;
  readonly processes: number;
}
export interface UnitLine {
  readonly type: "unit";
  readonly setting: number;
  readonly task: number;
  readonly items: readonly number[];
  readonly worker: number;
  /** The first unit that its worker ran. */
  readonly first: boolean;
  readonly seconds: number;
  readonly first_text: readonly (number | null)[];
}
export type TimeLine = SessionLine | UnitLine;

export const journalName = "journal.jsonl";
export const timesName = "times.jsonl";

const keyOf = ({ setting, task, item }: Place): string => `${setting}/${task}/${item}`;

export class RunRecord {
  /** Of the run that was begun in this folder; undefined if there is none. */
  identity: unknown;
  readonly times: TimeLine[];
  private readonly results: Journal;
  private readonly timing: Journal;
  private readonly headers = new Map<string, TrajectoryHeader>();
  private readonly answers = new Map<string, Written[]>();
  private readonly scores = new Map<string, Scored>();
  private readonly grades = new Map<string, LimitedGrade>();

  constructor(folder: string) {
    removeTemporary(folder);
    const results = Journal.open(join(folder, journalName));
    const timing = Journal.open(join(folder, timesName));
    this.results = results.journal;
    this.timing = timing.journal;
    this.times = [...timing.lines] as TimeLine[];
    for (const line of results.lines) this.take(line as ResultLine);
  }

  private take(line: ResultLine): void {
    if (line.type === "begin") this.identity = line.identity;
    else if (line.type === "header") this.headers.set(`${line.setting}/${line.task}`, line.header);
    else if (line.type === "scored") this.scores.set(keyOf(line), line);
    else if (line.type === "graded") this.grades.set(keyOf(line), line.graded);
    else {
      const known = this.answers.get(keyOf(line)) ?? [];
      known[line.repeat] = { ...line, trajectory: trajectoryOf(line.trajectory) };
      this.answers.set(keyOf(line), known);
    }
  }

  private write(lines: readonly ResultLine[]): void {
    if (lines.length === 0) return;
    this.results.append(lines);
    for (const line of lines) this.take(line);
  }

  begin(identity: Identity): void {
    this.write([{ type: "begin", identity }]);
  }

  time(line: TimeLine): void {
    this.timing.append([line]);
    this.times.push(line);
  }

  /** A finished unit's answers, of which some may be known already. */
  addAnswers(
    answers: readonly (Place & { repeat: number; written: Written })[],
    header: TrajectoryHeader,
  ): void {
    const fresh = answers.filter((one) => this.answersAt(one)[one.repeat] === undefined);
    const [first] = fresh;
    const isNew = first !== undefined && this.headerOf(first) === undefined;
    this.write([
      ...(isNew ? [{ type: "header", setting: first.setting, task: first.task, header } as const] : []),
      ...fresh.map(({ written, ...place }) => ({ type: "answer", ...place, ...written }) as const),
    ]);
  }

  addScores(scores: readonly (Place & { scored: Scored })[]): void {
    const fresh = scores.filter((one) => this.scoredAt(one) === undefined);
    this.write(fresh.map(({ scored, ...place }) => ({ type: "scored", ...place, ...scored }) as const));
  }

  addGraded(graded: readonly (Place & { graded: LimitedGrade })[]): void {
    this.write(graded.map((one) => ({ type: "graded", ...one }) as const));
  }

  /** By repeat. */
  answersAt(place: Place): readonly Written[] {
    return this.answers.get(keyOf(place)) ?? [];
  }

  scoredAt(place: Place): Scored | undefined {
    return this.scores.get(keyOf(place));
  }

  gradedAt(place: Place): LimitedGrade | undefined {
    return this.grades.get(keyOf(place));
  }

  headerOf({ setting, task }: Pick<Place, "setting" | "task">): TrajectoryHeader | undefined {
    return this.headers.get(`${setting}/${task}`);
  }

  close(): void {
    this.results.close();
    this.timing.close();
  }
}

/** NaN is no JSON: it was written as null. */
function trajectoryOf(one: Trajectory): Trajectory {
  const numbers = (values: readonly (number | null)[]) => values.map((value) => value ?? Number.NaN);
  return {
    ...one,
    confidence: numbers(one.confidence),
    entropy: numbers(one.entropy),
    seconds: Number.NaN,
  };
}
