// `npm run quickstart`: trains a small model on the synthetic language (or on a file), writes with it, and prints
// how quality falls as the number of steps falls: the problem this project is about.

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bfloat16Flags } from "@unmask/torch";
import { CheckpointError } from "../base/errors.ts";
import { load } from "../generate/load.ts";
import { describe, type StorySize } from "../language/stories.ts";
import { checkpointSteps } from "../train/checkpoint.ts";
import { type TrainConfig, trainConfigSchema } from "../train/config.ts";
import { train } from "../train/train.ts";
import { interruptedExitCode, onInterrupt } from "./interrupt.ts";
import { storyAt } from "./language.ts";
import { TrainProgress } from "./progress.ts";
import { type QualityRow, quality, renderQuality } from "./quality.ts";
import { defaultsFor, saveConfig } from "./train.ts";

export interface QuickstartOptions {
  /** A text to train on instead of the language. */
  data?: string;
  seed: number;
  out: string;
  /** Do not reuse the model of an earlier run. */
  fromScratch: boolean;
  /** Print the table as one JSON object. */
  json?: boolean;
}

const size: StorySize = "medium";
const storyCount = 50_000;
const stepCounts = [256, 32, 16, 8, 4, 2, 1];
/** A row of one's own text has 64 tokens: more steps change little. */
const textStepCounts = [64, 32, 16, 8, 4, 2, 1];
const sampleCount = 300;

/** Returns the exit code. */
export async function quickstart(options: QuickstartOptions): Promise<number> {
  const say = (text: string) => (options.json ? process.stderr : process.stdout).write(`${text}\n`);
  const interrupt = onInterrupt(() => say("Stopping; what is done is kept."));
  try {
    if (options.fromScratch) removeRun(options.out);
    const config = options.data === undefined ? languageConfig(options) : textConfig(options, options.data);
    const settled = await ensureTrained(config, {
      signal: interrupt.signal,
      say,
      json: options.json === true,
    });
    if (!settled) return interruptedExitCode;
    const rows = await writeAndJudge(config, options, { signal: interrupt.signal, say });
    if (rows === undefined) return interruptedExitCode;
    writeFileSync(join(config.out, "quality.json"), `${JSON.stringify(rows, null, 2)}\n`);
    if (options.json) process.stdout.write(`${JSON.stringify({ model: join(config.out, "model"), rows })}\n`);
    say(closing(config, options, rows));
    return 0;
  } finally {
    interrupt.release();
  }
}

/** Removes what an earlier run left in its folder, and nothing else. */
function removeRun(folder: string): void {
  for (const name of [
    "checkpoints",
    "model",
    "tokenizer",
    "config.yaml",
    "metrics.jsonl",
    "quality.json",
    doneFile,
  ]) {
    rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** Minutes of training: the whole stays under five with bfloat16 products, ten without. */
const minutes = (): number => (bfloat16Flags().length > 0 ? 3.5 : 7.5);

function languageConfig({ out, seed }: QuickstartOptions): TrainConfig {
  const path = join(out, "stories.jsonl");
  if (!existsSync(path)) {
    mkdirSync(out, { recursive: true });
    const lines = Array.from({ length: storyCount }, (_, i) =>
      JSON.stringify({ text: storyAt(size, seed, i).join(" ") }),
    );
    writeFileSync(`${path}.tmp`, `${lines.join("\n")}\n`);
    renameSync(`${path}.tmp`, path);
  }
  return trainConfigSchema.parse({
    data: { path, layout: "pad", held_out: 0.02 },
    tokenizer: { kind: "words" },
    model: { hidden_size: 128, blocks: 3, heads: 4, length: describe(size).words + 2 },
    train: { steps: 4000, minutes: minutes(), batch_size: 64, learning_rate: 3e-3, evaluate_every: 1000 },
    seed,
    out,
  });
}

function textConfig({ out, seed }: QuickstartOptions, path: string): TrainConfig {
  const base = defaultsFor(path) as { data?: object; train?: object };
  const settings = { ...base.train, minutes: minutes(), steps: 20_000, evaluate_every: 1000 };
  return trainConfigSchema.parse({
    ...base,
    data: { ...base.data, path },
    train: settings,
    seed,
    out,
  });
}

interface Surroundings {
  signal: AbortSignal;
  say: (text: string) => void;
  json?: boolean;
}

const doneFile = "done.json";

/** Trains, goes on with an interrupted training, or finds it done. False if interrupted. */
async function ensureTrained(config: TrainConfig, { signal, say, json }: Surroundings): Promise<boolean> {
  const done = join(config.out, doneFile);
  if (existsSync(done)) {
    refuseOtherData(done, config);
    say(`${config.out}: trained already; --from-scratch trains anew.`);
    return true;
  }
  const resume = checkpointSteps(join(config.out, "checkpoints")).length > 0;
  if (resume) say(`${config.out}: going on with an interrupted training.`);
  const progress = new TrainProgress({ output: json === true ? process.stderr : process.stdout });
  try {
    const result = await train(config, {
      resume,
      signal,
      onEvent: (event) => {
        if (event.type === "start") saveConfig(config);
        progress.onEvent(event);
      },
    });
    if (result.reason === "interrupted") return false;
    writeFileSync(
      done,
      `${JSON.stringify({ data: config.data.path, step: result.step, nelbo: result.metrics?.nelbo })}\n`,
    );
    return true;
  } finally {
    progress.end();
  }
}

function refuseOtherData(done: string, config: TrainConfig): void {
  const { data } = JSON.parse(readFileSync(done, "utf8")) as { data: string };
  if (data === config.data.path) return;
  throw new CheckpointError(
    `${config.out} holds a model trained on ${data}; choose another folder with --out, or --from-scratch to train anew`,
  );
}

async function writeAndJudge(
  config: TrainConfig,
  { data, seed }: QuickstartOptions,
  { signal, say }: Surroundings,
): Promise<QualityRow[] | undefined> {
  const model = await load(config.out);
  const own = data !== undefined;
  say(own ? "\nWriting, by number of steps:" : "\nWriting stories, by number of steps:");
  const rows: QualityRow[] = [];
  const options = {
    stepCounts: own ? textStepCounts : stepCounts,
    count: own ? 16 : sampleCount,
    seed,
    size: own ? undefined : size,
    signal,
  };
  for await (const row of quality(model, options)) {
    rows.push(row);
    say(`  ${row.steps} step${row.steps === 1 ? "" : "s"}: ${JSON.stringify(row.example).slice(0, 400)}`);
  }
  return signal.aborted ? undefined : rows;
}

function closing(config: TrainConfig, { data }: QuickstartOptions, rows: readonly QualityRow[]): string {
  const table = renderQuality(rows).join("\n");
  const legend =
    data === undefined
      ? `NLL: nats a word under the language (its entropy is ${describe(size).entropyPerToken.toFixed(3)}), each word with 1 % noise; ` +
        `"of valid": without noise, valid stories alone. ${sampleCount} stories a row, seed fixed.`
      : "NELBO under itself: nats a token that the model gives its own texts; it rises as steps fall.";
  return `
${table}

${legend}
Few steps are fast and wrong: tokens written at once do not know of each other.

Try next:
  npx unmask generate --model ${config.out} --steps 8 --count 3
  npm run quickstart -- --data my.txt --out runs/mine
  npx unmask train --help`;
}
