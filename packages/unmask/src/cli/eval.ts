// `unmask eval`: the questions of tasks to one model with one decoder; files and a table at the end.

import { UsageError } from "../base/errors.ts";
import { type EvalConfig, evalConfigSchema } from "../evaluate/run/config.ts";
import type { Plan } from "../evaluate/run/plan.ts";
import type { EvalEvent } from "../evaluate/run/run.ts";
import type { WrittenResults } from "../evaluate/run/write.ts";
import { describeKeys, isOverride, resolveConfig } from "./config.ts";
import { EvalProgress, renderPlan, renderResults } from "./eval-view.ts";
import { interruptedExitCode, onInterrupt } from "./interrupt.ts";
import { ignoreClosedOutput } from "./terminal.ts";
import { refuseUnwritable } from "./train.ts";

export interface EvalFlags {
  readonly model?: string;
  readonly out?: string;
  readonly resume?: boolean;
  readonly dryRun?: boolean;
  readonly limit?: number;
  readonly seed?: number;
  readonly json?: boolean;
}

export const evalKeys = (): string => describeKeys(evalConfigSchema);

/** Returns the exit code. */
export async function evalVerb(positionals: readonly string[], flags: EvalFlags): Promise<number> {
  const { config, changes } = resolveEvaluation(positionals, flags);
  if (flags.dryRun !== true) refuseUnwritable(config.out);
  ignoreClosedOutput(); // a run goes on when `| head` has gone
  const [{ evaluate, prepareEvaluation }, { writeResults }, { checkDevice }, { downloadProgress }] =
    await Promise.all([
      import("../evaluate/run/run.ts"),
      import("../evaluate/run/write.ts"),
      import("./device.ts"),
      import("./download.ts"),
    ]);
  checkDevice(config.device);
  const onProgress = downloadProgress(process.stderr);
  if (flags.dryRun === true) {
    const { plan } = await prepareEvaluation(config, { onProgress });
    process.stdout.write(planOutput(plan, changes, flags.json === true));
    return 0;
  }
  const progress = new EvalProgress(process.stderr);
  for (const change of changes) progress.say(change);
  const interrupt = onInterrupt(() => progress.say("Stopping; what is finished is kept."));
  let results: WrittenResults | undefined;
  try {
    const evaluated = await evaluate(config, {
      ...{ resume: flags.resume === true, signal: interrupt.signal, onProgress },
      onEvent: (event: EvalEvent) => progress.onEvent(event),
    });
    progress.end();
    if (evaluated === undefined) {
      process.stderr.write(`Stopped. Go on with the same command and --resume.\n`);
      return interruptedExitCode;
    }
    results = await writeResults(evaluated, { setting: 0, folder: config.out });
  } finally {
    progress.end();
    interrupt.release();
  }
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify({ ...results.results, timing: results.timing })}\n`);
  } else process.stdout.write(`${renderResults(results)}\n`);
  return 0;
}

/** The configuration of the command line. */
export function resolveEvaluation(
  positionals: readonly string[],
  { model, out, limit, seed }: EvalFlags,
): { config: EvalConfig; changes: readonly string[] } {
  const { file, overrides } = sourcesOf(positionals);
  return resolveConfig(evalConfigSchema, { file, flags: { model, out, limit, seed }, overrides });
}

export function sourcesOf(positionals: readonly string[]): { file: string; overrides: string[] } {
  const overrides = positionals.filter(isOverride);
  const [file, ...extra] = positionals.filter((argument) => !isOverride(argument));
  if (file === undefined) {
    throw new UsageError("no configuration is named; give CONFIG.yaml, as --help shows one");
  }
  if (extra.length > 0) {
    throw new UsageError(
      `two configuration files, ${file} and ${extra[0]}; give one, and changes as key=value`,
    );
  }
  return { file, overrides };
}

export function planOutput(plan: Plan, changes: readonly string[], json: boolean): string {
  const { text, object } = renderPlan(plan);
  return json ? `${JSON.stringify(object)}\n` : `${[...changes, ...text].join("\n")}\n`;
}
