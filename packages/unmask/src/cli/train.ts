// `unmask train`: a configuration from file, flags and overrides; a run folder; progress; Ctrl-C.

import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { World } from "@unmask/torch";
import { z } from "zod";
import { ConfigError, UsageError } from "../base/errors.ts";
import type { BaseModel } from "../train/base-model.ts";
import { type TrainConfig, trainConfigSchema } from "../train/config.ts";
import type { EventOf } from "../train/events.ts";
import type { TrainOptions as Hooks } from "../train/train.ts";
import { configText, describeKeys, isOverride, peek, resolveConfig } from "./config.ts";
import { interruptedExitCode, onInterrupt } from "./interrupt.ts";
import { duration } from "./numbers.ts";
import { renderStart, TrainProgress } from "./progress.ts";
import { ignoreClosedOutput } from "./terminal.ts";
import { together } from "./together.ts";

export interface TrainOptions {
  readonly data?: string;
  readonly out?: string;
  readonly resume?: boolean;
  readonly seed?: number;
  readonly steps?: number;
  readonly minutes?: number;
  readonly device?: string;
  readonly dtype?: string;
  readonly json?: boolean;
  readonly dryRun?: boolean;
  readonly schema?: boolean;
}

export const trainKeys = (): string => describeKeys(trainConfigSchema);

/** JSON Schema of CONFIG.yaml, for editors. */
export const trainSchema = (): object => z.toJSONSchema(trainConfigSchema, { io: "input" });

/** Returns the exit code. */
export async function trainVerb(positionals: readonly string[], options: TrainOptions): Promise<number> {
  if (options.schema === true) {
    process.stdout.write(`${JSON.stringify(trainSchema(), null, 2)}\n`);
    return 0;
  }
  const { config, changes } = resolveTraining(positionals, options);
  ignoreClosedOutput(); // a run goes on when `| head` has gone
  const { checkDevice } = await import("./device.ts");
  checkDevice(config.device);
  return together((world) => runTraining({ config, changes }, options, world));
}

interface Resolved {
  readonly config: TrainConfig;
  readonly changes: readonly string[];
}

async function runTraining(resolved: Resolved, options: TrainOptions, world: World): Promise<number> {
  const { config } = resolved;
  const first = world.rank === 0;
  if (first && options.resume !== true && options.dryRun !== true) refuseOccupied(config.out);
  if (first) refuseUnwritable(config.out);
  const { path, revision } = config.model;
  const { baseModel } = await import("./base-model.ts");
  const base = path === undefined ? undefined : await baseModel(path, { revision, output: process.stderr });
  if (options.dryRun === true) return first ? dryRun(resolved, options, base) : 0;
  const { train } = await import("../train/train.ts");
  const progress = new TrainProgress({ output: options.json === true ? process.stderr : process.stdout });
  const say = (text: string) => first && progress.say(text);
  for (const change of resolved.changes) say(change);
  const interrupt = onInterrupt(() => say("Stopping after this step; Ctrl-C again to exit at once."));
  let finish: EventOf<"finish"> | undefined;
  const onEvent: NonNullable<Hooks["onEvent"]> = (event) => {
    // Only now has everything been checked, so that a refused run leaves nothing behind.
    if (event.type === "start") saveConfig(config);
    if (event.type === "finish") finish = event;
    progress.onEvent(event);
  };
  try {
    const resume = options.resume === true;
    const result = await train(config, { onEvent, signal: interrupt.signal, resume, base, world });
    progress.end();
    const interrupted = result.reason === "interrupted";
    const { step, metrics } = result;
    const text = options.json
      ? JSON.stringify({ ...result, model: join(result.folder, "model") })
      : summary(config, { interrupted, step, seconds: finish?.seconds, metrics });
    if (first) process.stdout.write(`${text}\n`);
    return interrupted ? interruptedExitCode : 0;
  } finally {
    progress.end();
    interrupt.release();
  }
}

async function dryRun(
  { config, changes }: Resolved,
  { json }: TrainOptions,
  base: BaseModel | undefined,
): Promise<number> {
  const { planTraining } = await import("../train/train.ts");
  const start = await planTraining(config, base);
  for (const change of json ? [] : changes) process.stdout.write(`${change}\n`);
  process.stdout.write(json ? `${JSON.stringify(start)}\n` : `${renderStart(start)}\n`);
  return 0;
}

/** Configuration of a run from the command line. With --resume the run's own configuration lies at the bottom. */
export function resolveTraining(
  positionals: readonly string[],
  options: TrainOptions,
): { config: TrainConfig; changes: readonly string[] } {
  const overrides = positionals.filter(isOverride);
  const [file, ...extra] = positionals.filter((argument) => !isOverride(argument));
  if (extra.length > 0) {
    throw new UsageError(
      `two configuration files, ${file} and ${extra[0]}; give one, and changes as key=value`,
    );
  }
  const out = runFolder(file, options, overrides);
  const saved = options.resume === true ? savedConfig(out) : undefined;
  const pathGiven =
    file !== undefined || saved !== undefined || overrides.some((one) => one.startsWith("data.path="));
  if (options.data === undefined && !pathGiven) {
    throw new UsageError(
      "nothing to train on; give --data FILE (UTF-8 text or JSONL) or a configuration, as in unmask train --data book.txt",
    );
  }
  const fresh = !overrides.some((one) => one.startsWith("model.path="));
  const base =
    saved ?? (options.data === undefined || file !== undefined ? {} : defaultsFor(options.data, fresh));
  const flags = {
    "data.path": options.data,
    "train.steps": options.steps,
    "train.minutes": options.minutes,
    seed: options.seed,
    device: options.device,
    dtype: options.dtype,
    out: options.out ?? (saved === undefined ? undefined : out),
  };
  return resolveConfig(trainConfigSchema, { base, file, flags, overrides });
}

function runFolder(file: string | undefined, options: TrainOptions, overrides: readonly string[]): string {
  const given = overrides.findLast((one) => one.startsWith("out="))?.slice("out=".length);
  const out = given || options.out || (file === undefined ? undefined : peek(file, "out", trainConfigSchema));
  return typeof out === "string" && out !== "" ? out : trainConfigSchema.shape.out.parse(undefined);
}

function savedConfig(out: string): Record<string, unknown> {
  const path = join(out, configName);
  if (!existsSync(path)) {
    throw new ConfigError(
      `--resume: ${out} holds no ${configName}, so it is no training run; name the run's folder with --out, or leave --resume out`,
      { folder: out },
    );
  }
  return resolveConfig(trainConfigSchema, { file: path }).config;
}

/**
 * Built-in sizes of a fresh model by the amount of text: bytes and a small network for little text, pieces of words for
 * much. A model that is gone on from has its own.
 */
export function defaultsFor(file: string, fresh = true): Record<string, unknown> {
  const bytes = existsSync(file) ? statSync(file).size : 0; // a missing file gets its sentence from the reader
  const layout = /\.(jsonl|ndjson|json)$/i.test(file) ? { data: { layout: "pad" } } : {};
  if (!fresh) return layout;
  if (bytes < 100_000) return { ...layout, train: { steps: 2000 } };
  if (bytes < 20_000_000) {
    return {
      ...layout,
      tokenizer: { kind: "bpe", size: 1024 },
      model: { hidden_size: 128, blocks: 3, heads: 4, length: 64 },
      train: { batch_size: 48 },
    };
  }
  return {
    ...layout,
    tokenizer: { kind: "bpe", size: 4096 },
    model: { hidden_size: 384, blocks: 6, heads: 6, length: 256 },
    train: { steps: 20_000, batch_size: 32 },
  };
}

const configName = "config.yaml";
/** What a run that never saved a checkpoint leaves behind: nothing to lose. */
const unfinished: readonly string[] = [configName, "metrics.jsonl", "tensorboard", "tokenizer"];

export function refuseOccupied(folder: string): void {
  if (!existsSync(folder)) return;
  if (!statSync(folder).isDirectory()) {
    throw new UsageError(`${folder} is a file, not a folder; choose another --out`, { folder });
  }
  const kept = readdirSync(folder).filter((name) => !unfinished.includes(name));
  const checkpoints = join(folder, "checkpoints");
  const begun = kept.length > 1 || (kept.length === 1 && kept[0] !== "checkpoints");
  if (!begun && !(existsSync(checkpoints) && readdirSync(checkpoints).length > 0)) return;
  throw new UsageError(
    `${folder} is not empty; go on with that run by --resume, or choose another folder with --out`,
    { folder },
  );
}

/** Found out before the data is read. What does not exist is made and removed again: nothing else is certain. */
export function refuseUnwritable(folder: string): void {
  let missing = resolve(folder);
  if (!existsSync(missing)) while (!existsSync(dirname(missing))) missing = dirname(missing);
  try {
    if (existsSync(missing)) accessSync(missing, constants.W_OK);
    else {
      mkdirSync(missing);
      rmdirSync(missing);
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message = `${folder} cannot be written (${code}); check the path and its permissions, or choose another --out`;
    throw new ConfigError(message, { folder }, { cause });
  }
}

export const saveConfig = (config: TrainConfig): void => saveRunConfig(config, "unmask train");

/** Writes the resolved configuration into a run's folder. */
export function saveRunConfig(config: { readonly out: string }, verb: string): void {
  mkdirSync(config.out, { recursive: true });
  const path = join(config.out, configName);
  const comment = `Resolved configuration; "${verb} --resume --out ${config.out}" goes on with this run.`;
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, configText(config, comment), { flush: true });
  renameSync(temporary, path);
}

interface Outcome {
  readonly interrupted: boolean;
  readonly step: number;
  readonly seconds: number | undefined;
  readonly metrics: Readonly<Record<string, number>> | undefined;
}

export function summary(
  { out, model, adapter }: TrainConfig,
  { interrupted, step, seconds, metrics }: Outcome,
): string {
  const run = quoted(out);
  if (interrupted) {
    return `Stopped at step ${step} and saved. Go on with: unmask train --resume --out ${run}`;
  }
  const time = seconds === undefined ? "" : ` in ${duration(seconds)}`;
  const { nelbo, nats_per_byte: perByte } = metrics ?? {};
  const bytes = perByte === undefined ? "" : ` (${perByte.toFixed(3)} a byte)`;
  const quality = nelbo === undefined ? "" : `, held-out NELBO ${nelbo.toFixed(3)} nats a token${bytes}`;
  const written = adapter === undefined ? run : `${quoted(model.path!)} --adapter ${run}`;
  return `Done: ${step} steps${time}${quality}.\nWrite with it: unmask generate --model ${written} --steps 64`;
}

/** For a shell. */
const quoted = (path: string): string =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
