// What a task came to under one decoder setting: means with intervals, counts, and what the decoding cost, all from
// the recorded answers, verdicts and trajectories.

import type { Trajectory, TrajectoryHeader } from "../../trajectory/record.ts";
import { type MeanInterval, meanInterval } from "../intervals.ts";
import type { Metric } from "../tasks/task.ts";
import type { LimitedGrade } from "./grade.ts";
import type { PlannedTask } from "./plan.ts";
import type { Scored, Written } from "./unit.ts";

/** One question with its answers. */
export interface Row {
  /** Index into the task's items. */
  readonly item: number;
  readonly written: readonly Written[];
  /** Where the task chooses. */
  readonly scored?: Scored | undefined;
  readonly graded: LimitedGrade;
}

export interface MetricOutcome extends Metric, MeanInterval {}

export interface DecodingCost {
  readonly answers: number;
  /** Decoded tokens up to the ends of the answers. */
  readonly tokens: number;
  readonly forwards: number;
  /** Sum of tokens over sum of forwards. */
  readonly tokens_per_forward: number;
  readonly forwards_per_answer: number;
  /** Positions that the network computed, over all forwards. */
  readonly positions_evaluated: number;
  readonly positions_per_token: number;
  /** Wasted: forwards that wrote nothing, and tokens behind an end. */
  readonly empty_forwards: number;
  readonly tokens_behind_end: number;
  /** Answers that the longest allowed length ended. */
  readonly ended_by_length: number;
}

export interface TaskOutcome {
  readonly name: string;
  readonly planned: PlannedTask;
  readonly header: TrajectoryHeader | undefined;
  readonly rows: readonly Row[];
  /** The main one first. */
  readonly metrics: readonly MetricOutcome[];
  readonly unparsed: number;
  /** Answers whose grader was cut. */
  readonly cut: number;
  /** Questions whose prompt lost its beginning. */
  readonly promptsCut: number;
  /** None for tasks that write nothing. */
  readonly decoding: DecodingCost | undefined;
}

export interface Recorded {
  readonly planned: PlannedTask;
  readonly header: TrajectoryHeader | undefined;
  readonly rows: readonly Row[];
  /** Of bootstrapped intervals. */
  readonly seed: number;
}

export function outcomeOf({ planned, header, rows, seed }: Recorded): TaskOutcome {
  const verdicts = rows.flatMap(({ graded }) => graded.verdicts);
  const written = rows.flatMap((row) => row.written);
  return {
    ...{ name: planned.name, planned, header, rows },
    metrics: planned.task.metrics.map((metric) => {
      const values = rows.map(({ graded }) => graded.scores[metric.name]!);
      return { ...metric, ...meanInterval(values, seed) };
    }),
    unparsed: verdicts.filter((one) => one.unparsed).length,
    cut: rows.filter(({ graded }) => graded.cut === true).length,
    promptsCut:
      planned.prompts.filter(({ cut }) => cut > 0).length +
      rows.filter(({ scored }) => scored !== undefined && scored.tokens_cut > 0).length,
    decoding: written.length === 0 ? undefined : costOf(written),
  };
}

/** Right answers question by question, where the main metric is a share of single answers; undefined elsewhere. */
export function verdictsOf({ metrics, rows }: TaskOutcome): boolean[] | undefined {
  const [main] = metrics;
  if (main?.isShare !== true) return undefined;
  const scores = rows.map(({ graded }) => graded.scores[main.name]!);
  return scores.every((score) => score === 0 || score === 1) ? scores.map((score) => score === 1) : undefined;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export function costOf(written: readonly Written[]): DecodingCost {
  const trajectories = written.map(({ trajectory }) => trajectory);
  const tokens = sum(written.map((one) => one.tokens));
  const forwards = sum(trajectories.map((one) => one.forwards));
  const positions = sum(trajectories.map(({ fed_length }) => sum(fed_length)));
  return {
    ...{ answers: written.length, tokens, forwards },
    tokens_per_forward: ratio(tokens, forwards),
    forwards_per_answer: ratio(forwards, written.length),
    positions_evaluated: positions,
    positions_per_token: ratio(positions, tokens),
    empty_forwards: sum(trajectories.map(emptyForwards)),
    tokens_behind_end: sum(written.map((one) => one.tokens_behind_end)),
    ended_by_length: trajectories.filter(({ finish_reason }) => finish_reason === "length").length,
  };
}

/** Forwards that wrote none of the answer's tokens. */
export function emptyForwards({ forwards, reveal_step }: Trajectory): number {
  return forwards - new Set(reveal_step.filter((step) => step >= 0)).size;
}

/** 0 where there is nothing to divide by. */
const ratio = (whole: number, parts: number): number => (parts === 0 ? 0 : whole / parts);
