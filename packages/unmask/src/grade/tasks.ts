// The tasks that `unmask grade` knows: one line each.

import { UsageError } from "../base/errors.ts";
import { didYouMean } from "../base/nearest.ts";
import { gradeLines } from "./answers.ts";
import { gradeCode, type Rows } from "./code.ts";
import { gradeGsm8k, gradeMath } from "./mathematics.ts";

export interface GradeFiles {
  readonly answers: Rows;
  /** The task's own rows, for tasks whose answers name theirs. */
  readonly data?: Rows;
}

export interface GradeOptions {
  /** `released`: by the string rules of the published code, where a task has such. */
  readonly fidelity?: "corrected" | "released";
  /** Runs generated code even where nothing keeps it from this machine. */
  readonly unsafe?: boolean;
}

export interface Grades {
  readonly results: readonly {
    readonly correct: boolean;
    readonly extracted: string | null;
    readonly reason: string;
  }[];
  readonly totals: {
    readonly count: number;
    readonly correct: number;
    readonly accuracy: number;
    readonly unparsed: number;
  };
}

export const tasks = {
  gsm8k: async ({ answers }: GradeFiles, { fidelity }: GradeOptions) =>
    gradeLines(answers, gradeGsm8k(fidelity)),
  math: async ({ answers }: GradeFiles, { fidelity }: GradeOptions) =>
    gradeLines(answers, gradeMath(fidelity)),
  humaneval: async (files: GradeFiles, { unsafe = false }: GradeOptions) =>
    gradeCode("humaneval", withData("humaneval", files), { unsafe }),
  mbpp: async (files: GradeFiles, { unsafe = false }: GradeOptions) =>
    gradeCode("mbpp", withData("mbpp", files), { unsafe }),
} as const satisfies Record<string, (files: GradeFiles, options: GradeOptions) => Promise<Grades>>;

export type TaskName = keyof typeof tasks;
export const taskNames = Object.keys(tasks) as readonly TaskName[];

export function taskName(text: string): TaskName {
  const found = taskNames.find((name) => name === text);
  if (found !== undefined) return found;
  throw new UsageError(
    `--task is "${text}"${didYouMean(text, taskNames)}; give one of ${taskNames.join(", ")}`,
    {
      task: text,
    },
  );
}

function withData(task: string, { answers, data }: GradeFiles): { answers: Rows; data: Rows } {
  if (data !== undefined) return { answers, data };
  throw new UsageError(`${task} needs its rows; give --data TASKS.jsonl, the public data set`, { task });
}
