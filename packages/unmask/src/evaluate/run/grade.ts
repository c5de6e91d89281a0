// Judging answers under a limit of time: the grader works in a process of its own, which is killed when it hangs. The
// answer it hung at is wrong, says so, and is counted; the others are judged by a new process.

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { DataError, UnmaskError } from "../../base/errors.ts";
import type { ChoiceAnswer, Graded, OpenTask, TextAnswer } from "../tasks/task.ts";
import type { EvalConfig } from "./config.ts";

export type Answer = TextAnswer | ChoiceAnswer;

export interface Grader {
  /** Throws a GraderCut if it took too long or its process ended. */
  grade(task: number, answers: readonly Answer[]): Promise<Graded[]>;
  close(): void;
}

export class GraderCut extends UnmaskError {}

/** Judges in this process, without a limit. */
export const localGrader = (tasks: readonly OpenTask[]): Grader => ({
  grade: (task, answers) => tasks[task]!.grade(answers as never),
  close: () => undefined,
});

export type ToGrader =
  | { readonly type: "open"; readonly config: EvalConfig }
  | { readonly type: "grade"; readonly task: number; readonly answers: readonly Answer[] };
export type FromGrader =
  | { readonly type: "ready" }
  | { readonly type: "graded"; readonly graded: Graded[] }
  | { readonly type: "failed"; readonly error: { readonly message: string; readonly exitCode: 1 | 2 } };

/** Judges in another process, which opens the same tasks; a call is given `grade_seconds` of the clock. */
export function childGrader(config: EvalConfig): Grader {
  let child: ReturnType<typeof fork> | undefined;
  const ask = (message: ToGrader, seconds?: number): Promise<FromGrader> =>
    new Promise((resolve, reject) => {
      const asked = child!;
      const cut = (why: string) => settle(() => reject(new GraderCut(why)));
      const settle = (body: () => void) => {
        clearTimeout(timer);
        asked.removeAllListeners();
        body();
      };
      const timer =
        seconds === undefined
          ? undefined
          : setTimeout(() => cut(`the grader did not end within ${seconds} s`), seconds * 1000);
      asked.once("message", (answer) => settle(() => resolve(answer as FromGrader)));
      asked.once("exit", (code, name) => cut(`the grader's process ended (${name ?? `exit code ${code}`})`));
      asked.send(message);
    });
  const close = (): void => {
    child?.kill("SIGKILL");
    child = undefined;
  };
  return {
    close,
    async grade(task, answers) {
      try {
        if (child === undefined) {
          child = fork(fileURLToPath(new URL("./grade-main.js", import.meta.url)), [], {
            serialization: "advanced",
            execArgv: [],
            stdio: ["ignore", "inherit", "inherit", "ipc"],
          });
          checked(await ask({ type: "open", config }).catch(neverBegan));
        }
        const answer = checked(await ask({ type: "grade", task, answers }, config.grade_seconds));
        return answer.type === "graded" ? answer.graded : [];
      } catch (error) {
        close();
        throw error;
      }
    },
  };
}

/** A grader that cannot even open its tasks says nothing of answers. */
function neverBegan(error: unknown): never {
  throw error instanceof GraderCut ? new UnmaskError(`no grader could be started: ${error.message}`) : error;
}

function checked(answer: FromGrader): FromGrader {
  if (answer.type !== "failed") return answer;
  const { message, exitCode } = answer.error;
  throw exitCode === 2 ? new DataError(message) : new UnmaskError(message);
}

/** With a mark where the grader was cut. */
export interface LimitedGrade extends Graded {
  readonly cut?: true;
}

/** Answers judged in one call: programs run beside each other. */
const together = 16;

export interface GradeOptions {
  readonly grader: Grader;
  readonly onGraded: (graded: readonly LimitedGrade[]) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Judges answers to one task, in order. */
export async function gradeAnswers(
  task: { readonly index: number; readonly open: OpenTask },
  answers: readonly Answer[],
  { grader, onGraded, signal }: GradeOptions,
): Promise<void> {
  for (let at = 0; at < answers.length; at += together) {
    if (signal?.aborted) return;
    const some = answers.slice(at, at + together);
    try {
      onGraded(await grader.grade(task.index, some));
    } catch (error) {
      if (!(error instanceof GraderCut)) throw error;
      for (const one of some) onGraded([await gradeOne(task, one, grader)]);
    }
  }
}

async function gradeOne(
  { index, open }: { readonly index: number; readonly open: OpenTask },
  answer: Answer,
  grader: Grader,
): Promise<LimitedGrade> {
  try {
    const [graded] = await grader.grade(index, [answer]);
    return graded!;
  } catch (error) {
    if (!(error instanceof GraderCut) || !open.metrics.every(({ isShare }) => isShare)) throw error;
    const count = "responses" in answer ? answer.responses.length : 1;
    const verdict = { correct: false, extracted: null, reason: error.message, unparsed: true };
    return {
      id: answer.id,
      scores: Object.fromEntries(open.metrics.map(({ name }) => [name, 0])),
      verdicts: Array.from({ length: count }, () => verdict),
      cut: true,
    };
  }
}
