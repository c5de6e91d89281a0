// `unmask grade`: judges finished answers from anywhere. The verdicts are no errors: the exit code is 0 whatever they
// are.

import { UsageError } from "../base/errors.ts";
import { readRows } from "../grade/answers.ts";
import { type Grades, taskName, taskNames, tasks } from "../grade/tasks.ts";

export interface GradeFlags {
  readonly task?: string;
  readonly input?: string;
  readonly data?: string;
  readonly fidelity?: "corrected" | "released";
  readonly unsafe?: boolean;
  readonly json?: boolean;
}

/** Returns the exit code. */
export async function gradeVerb({ task, input, data, fidelity, unsafe, json }: GradeFlags): Promise<number> {
  if (task === undefined) throw new UsageError(`no task is named; give --task ${taskNames.join("|")}`);
  const name = taskName(task);
  if (input === undefined) throw new UsageError("nothing to grade; give --input FILE.jsonl");
  const files = { answers: readRows(input), ...(data === undefined ? {} : { data: readRows(data) }) };
  const { results, totals } = await tasks[name](files, {
    ...(fidelity === undefined ? {} : { fidelity }),
    ...(unsafe === undefined ? {} : { unsafe }),
  });
  process.stdout.write(json ? `${JSON.stringify({ results, totals })}\n` : table({ results, totals }));
  return 0;
}

/** How many wrong answers are shown. */
const shown = 10;

function table({ results, totals }: Grades): string {
  const { count, correct, accuracy, unparsed } = totals;
  const lines = results.flatMap((result, at) =>
    result.correct ? [] : [[String(at + 1), short(result.extracted ?? "-"), short(result.reason)]],
  );
  const listed = lines.slice(0, shown);
  const widths = [0, 1].map((column) => Math.max(0, ...listed.map((line) => line[column]!.length)));
  const rows = listed.map(
    ([row, extracted, reason]) =>
      `  ${row!.padStart(widths[0]!)}  ${extracted!.padEnd(widths[1]!)}  ${reason}`,
  );
  const more = lines.length > shown ? [`  and ${lines.length - shown} more; --json lists all`] : [];
  const head = `${correct} of ${count} correct (${(100 * accuracy).toFixed(1)} %), ${unparsed} unparsed`;
  return `${[head, ...(rows.length > 0 ? ["wrong, by row:"] : []), ...rows, ...more].join("\n")}\n`;
}

function short(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > 48 ? `${line.slice(0, 47)}…` : line;
}
