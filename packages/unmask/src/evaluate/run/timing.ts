// How fast it went: everything that a clock says, in a file of its own. Tokens a second never stand alone: what they
// were worth (the main score, tokens a forward) stands beside them.
//
// - A unit's seconds are those of the whole work: prompts in, text out. Beside each other, processes share them.
// - The first unit of every worker is the warm-up and told apart; if there is nothing else, it is all there is, and that
//   is said.

import { availableParallelism, cpus, release, totalmem } from "node:os";
import type { TaskOutcome } from "./outcome.ts";
import type { Plan } from "./plan.ts";
import type { RunRecord, SessionLine, TimeLine, UnitLine } from "./record.ts";

export interface TaskTiming {
  /** Score of the main metric and tokens a forward: what the speed was worth. */
  readonly metric: string;
  readonly score: number;
  readonly tokens_per_forward: number;
  readonly answers: number;
  readonly tokens: number;
  readonly seconds: number;
  readonly tokens_per_second: number;
  readonly forwards_per_second: number;
  /** From the start of its batch to the first certain text of an answer, seconds. */
  readonly first_text_seconds: { readonly median: number | null; readonly longest: number | null };
  /** Answers in a batch, at most. */
  readonly batch: number;
  readonly warm_up: { readonly answers: number; readonly seconds: number };
  /** There was nothing but the warm-up, and the figures are its. */
  readonly is_warm_up: boolean;
}

/** Of the tasks of one setting; tasks without times (those that write nothing) are left out. */
export function timingOf(
  outcomes: readonly TaskOutcome[],
  { plan, record, setting }: { readonly plan: Plan; readonly record: RunRecord; readonly setting: number },
): Record<string, TaskTiming> {
  const processes = processesOf(record.times);
  return Object.fromEntries(
    outcomes.flatMap((outcome) => {
      const task = plan.tasks.indexOf(outcome.planned);
      const units = processes.filter(({ line }) => line.setting === setting && line.task === task);
      return units.length === 0 || outcome.decoding === undefined
        ? []
        : [[outcome.name, taskTiming(outcome, units, (line) => costOfUnit(record, line))]];
    }),
  );
}

interface TimedUnit {
  readonly line: UnitLine;
  readonly processes: number;
}

/** Units with the number of processes of their session. */
function processesOf(times: readonly TimeLine[]): TimedUnit[] {
  let session: SessionLine | undefined;
  const units: TimedUnit[] = [];
  for (const line of times) {
    if (line.type === "session") session = line;
    else units.push({ line, processes: session?.processes ?? 1 });
  }
  return units;
}

interface UnitCost {
  readonly answers: number;
  readonly tokens: number;
  readonly forwards: number;
}

function costOfUnit(record: RunRecord, { setting, task, items }: UnitLine): UnitCost {
  const written = items.flatMap((item) => record.answersAt({ setting, task, item }));
  return {
    answers: written.length,
    tokens: written.reduce((sum, one) => sum + one.tokens, 0),
    forwards: written.reduce((sum, one) => sum + one.trajectory.forwards, 0),
  };
}

function taskTiming(
  { metrics, decoding }: TaskOutcome,
  units: readonly TimedUnit[],
  costOf: (line: UnitLine) => UnitCost,
): TaskTiming {
  const warm = units.filter(({ line }) => line.first);
  const steady = units.filter(({ line }) => !line.first);
  const counted = steady.length > 0 ? steady : warm;
  const total = (some: readonly TimedUnit[]) => {
    const costs = some.map(({ line, processes }) => ({ ...costOf(line), seconds: line.seconds / processes }));
    const sum = (name: "answers" | "tokens" | "forwards" | "seconds") =>
      costs.reduce((all, one) => all + one[name], 0);
    return {
      answers: sum("answers"),
      tokens: sum("tokens"),
      forwards: sum("forwards"),
      seconds: sum("seconds"),
    };
  };
  const { answers, tokens, forwards, seconds } = total(counted);
  const firsts = counted
    .flatMap(({ line }) => line.first_text)
    .filter((one) => one !== null)
    .sort((a, b) => a - b);
  return {
    metric: metrics[0]!.name,
    score: metrics[0]!.mean,
    tokens_per_forward: decoding!.tokens_per_forward,
    ...{ answers, tokens, seconds },
    tokens_per_second: tokens / seconds,
    forwards_per_second: forwards / seconds,
    first_text_seconds: { median: firsts[firsts.length >> 1] ?? null, longest: firsts.at(-1) ?? null },
    batch: Math.max(...counted.map(({ line }) => line.first_text.length)),
    warm_up: { answers: total(warm).answers, seconds: total(warm).seconds },
    is_warm_up: steady.length === 0,
  };
}

export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly memory_bytes: number;
  readonly platform: string;
  readonly node: string;
  readonly torch: string;
}

export const machine = (torch: string): Machine => ({
  cpu: cpus()[0]?.model.trim() || "unknown",
  cpus: availableParallelism(),
  memory_bytes: totalmem(),
  platform: `${process.platform}-${process.arch} ${release()}`,
  node: process.versions.node,
  torch,
});
