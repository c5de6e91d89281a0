// `unmask rollout`: a teacher's answers to prompts, recorded as trajectories; progress and what became of the prompts.

import type { World } from "@unmask/torch";
import { z } from "zod";
import { UsageError } from "../base/errors.ts";
import { type RolloutConfig, rolloutConfigSchema } from "../rollout/config.ts";
import type { RolloutProgress, RolloutSummary } from "../rollout/run.ts";
import { describeKeys, isOverride, resolveConfig } from "./config.ts";
import { interruptedExitCode, onInterrupt } from "./interrupt.ts";
import { duration, short } from "./numbers.ts";
import { ignoreClosedOutput, isLive, LiveArea } from "./terminal.ts";
import { together } from "./together.ts";

export interface RolloutOptions {
  readonly model?: string;
  readonly data?: string;
  readonly out?: string;
  readonly seed?: number;
  readonly device?: string;
  readonly dtype?: string;
  readonly json?: boolean;
  readonly dryRun?: boolean;
  readonly schema?: boolean;
}

export const rolloutKeys = (): string => describeKeys(rolloutConfigSchema);

/** Returns the exit code. */
export async function rolloutVerb(positionals: readonly string[], options: RolloutOptions): Promise<number> {
  if (options.schema === true) {
    const schema = z.toJSONSchema(rolloutConfigSchema, { io: "input" });
    process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
    return 0;
  }
  const config = resolve(positionals, options);
  ignoreClosedOutput();
  const { checkDevice } = await import("./device.ts");
  checkDevice(config.device);
  return together((world) => run(config, options, world));
}

function resolve(positionals: readonly string[], options: RolloutOptions): RolloutConfig {
  const [file, ...extra] = positionals.filter((argument) => !isOverride(argument));
  if (extra.length > 0) {
    throw new UsageError(
      `two configuration files, ${file} and ${extra[0]}; give one, and changes as key=value`,
    );
  }
  const { model, data, out, seed, device, dtype } = options;
  return resolveConfig(rolloutConfigSchema, {
    file,
    flags: { model, "data.path": data, out, seed, device, dtype },
    overrides: positionals.filter(isOverride),
  }).config;
}

async function run(config: RolloutConfig, options: RolloutOptions, world: World): Promise<number> {
  const [{ readPrompts }, { rollout }, { load }, { downloadProgress }] = await Promise.all([
    import("../rollout/prompts.ts"),
    import("../rollout/run.ts"),
    import("../generate/load.ts"),
    import("./download.ts"),
  ]);
  const first = world.rank === 0;
  const prompts = await readPrompts(config);
  const output = options.json ? process.stderr : process.stdout;
  const say = (text: string) => first && output.write(`${text}\n`);
  const answers = prompts.prompts.length * config.samples;
  say(
    `${config.out}: ${prompts.prompts.length} prompts (${prompts.duplicates} duplicates, ${prompts.corrupt} corrupt rows left out), ${answers} answers in ${Math.ceil(answers / config.shard_size)} shards`,
  );
  if (options.dryRun === true) return 0;
  const model = await load(config.model, {
    ...{ device: config.device as never, dtype: config.dtype, adapter: config.adapter },
    ...{ fold: config.fidelity !== "released", onProgress: downloadProgress(process.stderr) },
  });
  const interrupt = onInterrupt(() => say("Stopping after this batch; Ctrl-C again to exit at once."));
  const view = new ProgressLine(output, first);
  try {
    const summary = await rollout(model, prompts, {
      config,
      world,
      onProgress: (progress) => view.show(progress),
      signal: interrupt.signal,
    });
    view.end();
    if (summary === undefined) return 0;
    process.stdout.write(`${options.json ? JSON.stringify(summary) : describe(config, summary)}\n`);
    return summary.finished ? 0 : interruptedExitCode;
  } finally {
    view.end();
    interrupt.release();
    model.dispose();
  }
}

function describe({ out, model }: RolloutConfig, summary: RolloutSummary): string {
  const { answers, kept, rejected, lost, forwards, tokens, finished } = summary;
  const why = Object.entries(rejected)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${count} ${reason.replace("_", " ")}`);
  const reasons = why.length === 0 ? "" : `; attempts not kept: ${why.join(", ")}`;
  const again = lost === 0 ? "" : `; ${lost} lost to a kill and written again`;
  const figures = `${kept} of ${answers} answers kept${reasons}${again}; ${(tokens / Math.max(1, forwards)).toFixed(2)} tokens a forward`;
  return finished
    ? `Done: ${figures}.\nLearn from them: unmask distill --method t3d --model ${model} --data ${out}`
    : `Stopped: ${figures}. The same command goes on.`;
}

/** One live line in a terminal, a line every five seconds elsewhere. */
class ProgressLine {
  private readonly output: NodeJS.WriteStream;
  private readonly area: LiveArea | undefined;
  private readonly speaks: boolean;
  private shown = Number.NEGATIVE_INFINITY;

  constructor(output: NodeJS.WriteStream, speaks: boolean) {
    this.output = output;
    this.speaks = speaks;
    this.area = speaks && isLive(output) ? new LiveArea(output) : undefined;
  }

  show({ done, total, kept, forwards, tokens, seconds }: RolloutProgress): void {
    const now = performance.now();
    if (!this.speaks || now - this.shown < (this.area === undefined ? 5000 : 100)) return;
    this.shown = now;
    const left = (seconds / Math.max(1, done)) * (total - done);
    const line = `${done}/${total} answers, ${kept} kept  ${(tokens / Math.max(1, forwards)).toFixed(2)} tokens/forward  ${short(tokens / Math.max(1e-9, seconds))} tokens/s  ${duration(left)} left`;
    if (this.area === undefined) this.output.write(`${line}\n`);
    else this.area.drawSoon(() => [line]);
  }

  end(): void {
    this.area?.finish();
  }
}
