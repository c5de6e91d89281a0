// `npm run quickstart`: trains a teacher, teaches students to write in fewer forwards, measures them beside each other
// and writes a report: what this project is about, in minutes on two processor cores.

import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { DataError, UsageError } from "../../base/errors.ts";
import { chooseThreads } from "../../generate/processor.ts";
import { interruptedExitCode, onInterrupt } from "../interrupt.ts";
import { duration } from "../numbers.ts";
import { neighbourHint } from "../paths.ts";
import { ignoreClosedOutput } from "../terminal.ts";
import { refuseUnwritable } from "../train.ts";
import { listOf, runBeside } from "./list.ts";
import type { QuickstartOptions } from "./options.ts";
import { OverallProgress, secondsLeft } from "./overall-progress.ts";
import { type Settings, usualSettings } from "./settings.ts";
import { claimFolder, isDone, type Stage, secondsSpent } from "./stage.ts";
import type { StageList } from "./stages.ts";
import { type Results, renderSummary, reportFile, resultsFile, writeSummary } from "./summary.ts";

/** Returns the exit code. */
export async function quickstart(
  options: QuickstartOptions,
  settings: Settings = usualSettings,
): Promise<number> {
  const { data, seed, out, fromScratch, json } = options;
  check(options);
  refuseUnwritable(out);
  const processes = Math.min(settings.processes, availableParallelism());
  const choices = { data: data ?? null, seed, from_scratch: fromScratch };
  const settle = () => ({ threads: Math.max(1, Math.floor(chooseThreads() / processes)) });
  const threads = Number(claimFolder(out, choices, settle).threads ?? settle().threads);
  ignoreClosedOutput(); // it goes on when `| head` has gone
  const output = json === true ? process.stderr : process.stdout;
  const list = listOf(options, settings, threads);
  const stages = [...(processes > 1 ? list.stages : oneLane(list.stages)), reportStage(list, options)];
  const progress = new OverallProgress(stages, output);
  const interrupt = onInterrupt(() => progress.say("Stopping; what is done is kept."));
  let isFinished = false;
  try {
    progress.say(plan(stages, out));
    const running = { view: progress, signal: interrupt.signal };
    isFinished = await runBeside(stages, { options, settings, threads }, running);
  } finally {
    progress.close();
    interrupt.release();
  }
  if (!isFinished) {
    output.write("Stopped. The same command goes on from here.\n");
    return interruptedExitCode;
  }
  const results = JSON.parse(readFileSync(resultsFile(out), "utf8")) as Results;
  output.write(`${closing(results, options)}\n`);
  if (json === true)
    process.stdout.write(`${JSON.stringify({ out, report: reportFile(out), ...results })}\n`);
  return 0;
}

function check({ data, fromScratch }: QuickstartOptions): void {
  if (data === undefined) return;
  if (fromScratch) {
    throw new UsageError(
      "--from-scratch makes the bundled teachers, and --data needs none of them; leave one out",
    );
  }
  if (!existsSync(data)) throw new DataError(`${data} does not exist${neighbourHint(data)}`, { data });
}

/** One after another, in this process. */
const oneLane = (stages: readonly Stage[]): Stage[] => stages.map((stage) => ({ ...stage, lane: undefined }));

function plan(stages: readonly Stage[], out: string): string {
  const open = stages.filter((stage) => !isDone(out, stage));
  if (open.length === 0) return `${out}: all is done; another --out begins anew.`;
  const seconds = secondsLeft({ stages: open, running: [], ended: new Set() });
  const what =
    open.length === stages.length
      ? `${stages.length} stages`
      : `going on, ${open.length} of ${stages.length} stages left`;
  return `${out}: ${what}, about ${duration(seconds)}. Ctrl-C stops; the same command goes on.`;
}

/** Comes last: it looks at all that was measured. */
function reportStage(list: StageList, { out, seed, data }: QuickstartOptions): Stage {
  return {
    ...{ name: "report", title: "Report", seconds: 6 },
    async run(tools) {
      const comparisons = await list.compare(tools);
      if (comparisons === undefined) return false;
      const about =
        data === undefined
          ? "Teachers and the students that learnt from them to write in fewer forwards, on the built-in language: everything was trained, or came bundled, and measured on this machine."
          : `Teacher and students of ${data}, trained and measured on this machine.`;
      await writeSummary(comparisons, { out, seed, about, minutes: secondsSpent(out) / 60 });
      return true;
    },
  };
}

function closing(results: Results, { out, data }: QuickstartOptions): string {
  const student = join(out, "didi");
  return `
${renderSummary(results).join("\n")}

Few steps are fast and wrong: tokens written at once do not know of each other.
tok/fwd: tokens a forward. Curves, entropy and replays side by side:
  ${pathToFileURL(resolve(reportFile(out))).href}

Try next:
  npx unmask generate --model ${student} --steps 8 --count 3
  npx unmask chat${data === undefined ? "\n  npm run quickstart -- --data my.txt --out runs/mine" : ""}`;
}
