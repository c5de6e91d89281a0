// `unmask eval`: the questions of tasks to one model with one decoder; files and a table at the end.

import { UsageError } from "../base/errors.ts";
import { type EvalConfig, evalConfigSchema } from "../evaluate/run/config.ts";
import type { Variant } from "../evaluate/run/plan.ts";
import type { Evaluated } from "../evaluate/run/run.ts";
import { describeKeys, isOverride, type ResolvedConfig, resolveConfig } from "./config.ts";
import { EvalProgress, renderPlan, renderResults } from "./eval-view.ts";
import { interruptedExitCode, onInterrupt } from "./interrupt.ts";
import { ignoreClosedOutput } from "./terminal.ts";
import { refuseUnwritable } from "./train.ts";

export interface EvalFlags {
  readonly model?: string;
  readonly task?: string[];
  readonly out?: string;
  readonly resume?: boolean;
  readonly dryRun?: boolean;
  readonly limit?: number;
  readonly seed?: number;
  readonly json?: boolean;
}

export const evalKeys = (): string => describeKeys(evalConfigSchema);

/** Returns the exit code. */
export function evalVerb(positionals: readonly string[], flags: EvalFlags): Promise<number> {
  const { file, overrides } = sourcesOf(positionals);
  if (file === undefined && overrides.length === 0 && flags.model === undefined && flags.task === undefined) {
    throw new UsageError("nothing says what to ask; give CONFIG.yaml, or --model DIR and --task NAME");
  }
  const resolved = resolveConfig(evalConfigSchema, { file, flags: valuesOf(flags), overrides });
  return runEvaluation(resolved, flags, {
    async finish(evaluated) {
      const { writeReport, writeResults } = await import("../evaluate/run/write.ts");
      const results = await writeResults(evaluated, { setting: 0, folder: resolved.config.out });
      await writeReport(evaluated, [results]);
      return flags.json === true
        ? JSON.stringify({ ...results.results, timing: results.timing })
        : renderResults(results);
    },
  });
}

/** Flags that are keys of the configuration. */
export const valuesOf = ({ model, task: tasks, out, limit, seed }: EvalFlags) => ({
  model,
  tasks,
  out,
  limit,
  seed,
});

export interface Finishing {
  /** The settings to evaluate; the configuration's own decoder by default. */
  readonly variants?: readonly Variant[] | undefined;
  /** Writes the files; what is printed comes back. */
  finish(evaluated: Evaluated): Promise<string>;
}

/** Checks, runs with progress, and prints what comes of it; Ctrl-C stops where it can be gone on from. */
export async function runEvaluation(
  { config, changes }: ResolvedConfig<EvalConfig>,
  flags: EvalFlags,
  { variants, finish }: Finishing,
): Promise<number> {
  if (flags.dryRun !== true) refuseUnwritable(config.out);
  ignoreClosedOutput(); // a run goes on when `| head` has gone
  const [{ evaluate, prepareEvaluation }, { checkDevice }, { downloadProgress }] = await Promise.all([
    import("../evaluate/run/run.ts"),
    import("./device.ts"),
    import("./download.ts"),
  ]);
  checkDevice(config.device);
  const onProgress = downloadProgress(process.stderr);
  if (flags.dryRun === true) {
    const { plan } = await prepareEvaluation(config, { variants, onProgress });
    const { text, object } = renderPlan(plan);
    const lines = [...changes, ...(changes.length > 0 ? [""] : []), ...text];
    process.stdout.write(`${flags.json === true ? JSON.stringify(object) : lines.join("\n")}\n`);
    return 0;
  }
  const progress = new EvalProgress(process.stderr);
  for (const change of changes) progress.say(change);
  const interrupt = onInterrupt(() => progress.say("Stopping; what is finished is kept."));
  try {
    const evaluated = await evaluate(config, {
      ...{ variants, resume: flags.resume === true, signal: interrupt.signal, onProgress },
      onEvent: (event) => progress.onEvent(event),
    });
    progress.end();
    if (evaluated === undefined) {
      process.stderr.write("Stopped. Go on with the same command and --resume.\n");
      return interruptedExitCode;
    }
    process.stdout.write(`${await finish(evaluated)}\n`);
    return 0;
  } finally {
    progress.end();
    interrupt.release();
  }
}

export function sourcesOf(positionals: readonly string[]): {
  file: string | undefined;
  overrides: string[];
} {
  const overrides = positionals.filter(isOverride);
  const [file, ...extra] = positionals.filter((argument) => !isOverride(argument));
  if (extra.length === 0) return { file, overrides };
  throw new UsageError(
    `two configuration files, ${file} and ${extra[0]}; give one, and changes as key=value`,
  );
}
