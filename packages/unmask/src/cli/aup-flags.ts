// Options of `unmask aup`.

import type { Command } from "commander";
import { UsageError } from "../base/errors.ts";
import { positiveNumber, wholeNumber } from "./options.ts";

const atLeastZero = (flag: string, example: number) => positiveNumber(flag, { least: 0, example });

/** Adds the verb, without what it does. */
export function addAup(root: Command): Command {
  return root
    .command("aup")
    .description("accuracy under parallelism: scores of the curves in files")
    .argument("[files...]", "YAML: task, method, points, see below")
    .option("--alpha <n>", "how hard lost accuracy is punished (default: 3)", atLeastZero("--alpha", 3))
    .option(
      "--offset <n>",
      "points below the first that still count (default: 5)",
      atLeastZero("--offset", 5),
    )
    .option("--y-max <task=n>", "best accuracy of a task, per cent; may be given several times", taskBest)
    .option(
      "--seed <n>",
      "random numbers of the intervals",
      wholeNumber("--seed", { least: 0, example: 0 }),
      0,
    )
    .option(
      "--resamples <n>",
      "for the intervals (default: 2000)",
      wholeNumber("--resamples", { least: 1, example: 2000 }),
    )
    .addHelpText("after", help);
}

/** A parser for `commander`: TASK=NUMBER, several times. */
export function taskBest(text: string, before: ReadonlyMap<string, number> = new Map()): Map<string, number> {
  const at = text.lastIndexOf("=");
  const [task, number] = [text.slice(0, at), text.slice(at + 1).trim()];
  const value = number === "" ? Number.NaN : Number(number);
  if (at > 0 && value > 0 && value <= 100) return new Map([...before, [task, value]]);
  throw new UsageError(
    `--y-max is ${JSON.stringify(text)}; give TASK=NUMBER, per cent above 0, such as MATH=41.15`,
  );
}

const help = `
The file:
  GSM8K-CoT:                # a task
    Fast-dLLM:              # a method: [tokens per forward, accuracy in per cent]
    - [1.0, 74.79]
    - [2.77, 74.68]
    mine:                   # or lists; rho and parallelism are other names of tpf
      tpf: [1.0, 9.11]
      verdicts: [[1, 1, 0, 1], [1, 0, 0, 1]]   # question by question: intervals

The best accuracy of a task is that of any method in its file; an own one stands
as y_max beside "methods:", and several data sets stand below "datasets:". A
method without a score is named on stderr, and the exit code is 2.`;
