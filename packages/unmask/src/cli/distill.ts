// `unmask distill`: a student that writes in fewer forwards, from what a model wrote or from data.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { World } from "@unmask/torch";
import { z } from "zod";
import { ConfigError, UsageError } from "../base/errors.ts";
import { type DistillerName, distillerName, distillers } from "../distill/distillers.ts";
import { type DistillConfig, distillConfigSchema, usual } from "../distilling/config.ts";
import { describeKeys, isOverride, readConfig, resolveConfig } from "./config.ts";
import { interruptedExitCode, onInterrupt } from "./interrupt.ts";
import { duration } from "./numbers.ts";
import { renderStart, TrainProgress } from "./progress.ts";
import { ignoreClosedOutput } from "./terminal.ts";
import { together } from "./together.ts";
import { refuseOccupied, refuseUnwritable, saveRunConfig, type TrainOptions } from "./train.ts";

export interface DistillFlags extends TrainOptions {
  readonly method?: string;
  readonly model?: string;
}

/** Keys of every method, for --help. */
export function distillKeys(): string {
  const names = Object.keys(distillers) as DistillerName[];
  return names
    .map(
      (name) =>
        `\n${name}: ${distillers[name].doc}\n${describeKeys(distillConfigSchema(name).shape.distill)}`,
    )
    .join("\n");
}

/** Returns the exit code. */
export async function distillVerb(positionals: readonly string[], flags: DistillFlags): Promise<number> {
  const { config, changes } = resolveDistillation(positionals, flags);
  if (flags.schema === true) {
    const schema = z.toJSONSchema(distillConfigSchema(config.distill.method), { io: "input" });
    process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
    return 0;
  }
  ignoreClosedOutput();
  const { checkDevice } = await import("./device.ts");
  checkDevice(config.device);
  return together((world) => run(config, { changes, flags, world }));
}

/** The method decides the schema, so it is looked for first: flag, override, file, the run gone on with. */
export function resolveDistillation(
  positionals: readonly string[],
  flags: DistillFlags,
): { config: DistillConfig; changes: readonly string[] } {
  const overrides = positionals.filter(isOverride);
  const [file, ...extra] = positionals.filter((argument) => !isOverride(argument));
  if (extra.length > 0) {
    throw new UsageError(
      `two configuration files, ${file} and ${extra[0]}; give one, and changes as key=value`,
    );
  }
  const saved = flags.resume === true ? savedConfig(flags.out ?? overrideOf(overrides, "out")) : undefined;
  const below = saved ?? file;
  const wanted = flags.method ?? overrideOf(overrides, "distill.method") ?? methodOf(below);
  if (typeof wanted !== "string") {
    throw new UsageError(
      `no method; give --method, one of ${Object.keys(distillers).join(", ")}, or distill.method in CONFIG.yaml`,
    );
  }
  const method = distillerName(wanted);
  const path = distillers[method].data === "trajectories" ? "trajectories.path" : "data.path";
  const resolved = resolveConfig(distillConfigSchema(method), {
    base: usual[method],
    file: below,
    flags: {
      ...{ "distill.method": method, "model.path": flags.model, [path]: flags.data, out: flags.out },
      ...{ seed: flags.seed, device: flags.device, dtype: flags.dtype },
      ...{ "train.steps": flags.steps, "train.minutes": flags.minutes },
    },
    overrides: overrides.filter((one) => !one.startsWith("distill.method=")),
  });
  return { config: resolved.config as unknown as DistillConfig, changes: resolved.changes };
}

const overrideOf = (overrides: readonly string[], key: string): string | undefined =>
  overrides.findLast((one) => one.startsWith(`${key}=`))?.slice(key.length + 1);

function methodOf(file: string | undefined): unknown {
  if (file === undefined) return undefined;
  return (readConfig(file).distill as { method?: unknown } | undefined)?.method;
}

function savedConfig(out: string | undefined): string {
  if (out === undefined) throw new UsageError("--resume needs the run's folder; give --out");
  const path = join(out, "config.yaml");
  if (existsSync(path)) return path;
  throw new ConfigError(
    `--resume: ${out} holds no config.yaml, so it is no run; name the run's folder with --out, or leave --resume out`,
    { folder: out },
  );
}

interface Surroundings {
  readonly changes: readonly string[];
  readonly flags: DistillFlags;
  readonly world: World;
}

async function run(config: DistillConfig, { changes, flags, world }: Surroundings): Promise<number> {
  const first = world.rank === 0;
  if (first && flags.resume !== true && flags.dryRun !== true) refuseOccupied(config.out);
  if (first) refuseUnwritable(config.out);
  const [{ baseModel }, { distil, planDistillation }] = await Promise.all([
    import("./base-model.ts"),
    import("../distilling/run.ts"),
  ]);
  const { path, revision } = config.model;
  const base = await baseModel(path, { revision, output: process.stderr });
  if (flags.dryRun === true) {
    const { start } = await planDistillation(config, { base, world });
    if (first) process.stdout.write(`${flags.json ? JSON.stringify(start) : renderStart(start)}\n`);
    return 0;
  }
  const progress = new TrainProgress({ output: flags.json === true ? process.stderr : process.stdout });
  const say = (text: string) => first && progress.say(text);
  for (const change of changes) say(change);
  const interrupt = onInterrupt(() => say("Stopping after this step; Ctrl-C again to exit at once."));
  let seconds = 0;
  try {
    const result = await distil(config, {
      ...{ base, world, resume: flags.resume, signal: interrupt.signal },
      onEvent(event) {
        if (event.type === "start") saveRunConfig(config, "unmask distill");
        if (event.type === "finish") seconds = event.seconds;
        progress.onEvent(event);
      },
    });
    progress.end();
    const model = join(result.folder, "model");
    if (first) {
      process.stdout.write(
        `${flags.json ? JSON.stringify({ ...result, model }) : closing(config, { ...result, seconds })}\n`,
      );
    }
    return result.reason === "interrupted" ? interruptedExitCode : 0;
  } finally {
    progress.end();
    interrupt.release();
  }
}

function closing(
  config: DistillConfig,
  { reason, step, seconds, metrics }: { reason: string; step: number; seconds: number; metrics: unknown },
): string {
  const { out } = config;
  if (reason === "interrupted") {
    return `Stopped at step ${step} and saved. Go on with: unmask distill --resume --out ${out}`;
  }
  const { accuracy, tokens_per_forward: parallel } = (metrics ?? {}) as Record<string, number>;
  const figures =
    accuracy === undefined
      ? ""
      : `, ${(100 * accuracy).toFixed(1)} % right at ${parallel!.toFixed(2)} tokens a forward`;
  const use =
    config.adapter === undefined
      ? `unmask generate --model ${out}`
      : `unmask generate --model ${config.model.path} --adapter ${join(out, "model")}`;
  return `Done: ${step} steps in ${duration(seconds)}${figures}.\nWrite with it: ${use}`;
}
