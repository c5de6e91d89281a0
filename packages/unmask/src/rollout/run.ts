// A rollout: prompts shared out in shards, answers written, judged, tried again, and kept as trajectories.
//
//   out/rollout.json           what was asked: a run that is gone on with must ask the same
//   out/shard-00000.parquet    whole shards; beside them the journals of those under way
//   out/summary.json           what became of the prompts
//
// Processes take shards one after the other from a counter they share. An answer depends on the seed, its prompt's number
// and the attempt: not on the shard, the batch or the process.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { soloWorld, type World } from "@unmask/torch";
import { ConfigError, DataError } from "../base/errors.ts";
import type { GenerateOptions } from "../generate/events.ts";
import { generate } from "../generate/generate.ts";
import type { Model } from "../generate/load.ts";
import type { Trajectory, TrajectoryHeader } from "../trajectory/record.ts";
import type { RolloutConfig } from "./config.ts";
import { Journal, type JournalLine, readCounts, type ShardCounts } from "./journal.ts";
import { type Rejection, rejection } from "./keep.ts";
import { asPrompt } from "./prompt-format.ts";
import type { Prompts, RolloutPrompt } from "./prompts.ts";

export interface RolloutProgress {
  /** Answers done with, by this process, of those that it or others still had to write at the start. */
  readonly done: number;
  readonly total: number;
  readonly kept: number;
  readonly forwards: number;
  readonly tokens: number;
  readonly seconds: number;
}

export interface RolloutOptions {
  readonly config: RolloutConfig;
  /** The processes that share the work; this one alone by default. */
  readonly world?: World | undefined;
  readonly onProgress?: ((progress: RolloutProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What became of all answers asked for, over all processes and parts of the run. */
export interface RolloutSummary extends ShardCounts {
  readonly prompts: number;
  /** Rows that were no prompt of their own. */
  readonly duplicates: number;
  readonly corrupt: number;
  /** Whether every shard is written. */
  readonly finished: boolean;
}

interface Shard {
  readonly path: string;
  /** First answer, and how many. */
  readonly first: number;
  readonly count: number;
}

/** Rollouts that this process began: every process of a job begins the same ones. */
let runs = 0;

/** Writes what is missing; resolves when this process finds no shard left, or is interrupted. */
export async function rollout(
  model: Model,
  prompts: Prompts,
  { config, world = soloWorld, ...hooks }: RolloutOptions,
): Promise<RolloutSummary | undefined> {
  const total = prompts.prompts.length * config.samples;
  const shards = shardsOf(config, total);
  if (world.rank === 0) begin(config, prompts);
  await world.barrier();
  const open = shards.filter(({ path }) => !existsSync(path));
  const counts = { done: 0, kept: 0, forwards: 0, tokens: 0 };
  const counter = `rollout ${config.out} ${runs++}`;
  const began = performance.now();
  const left = open.reduce((sum, { count }) => sum + count, 0);
  const report = (line: JournalLine): void => {
    counts.done++;
    if (line.trajectory !== undefined) counts.kept++;
    counts.forwards += line.trajectory?.forwards ?? 0;
    counts.tokens += line.trajectory?.token_ids.length ?? 0;
    hooks.onProgress?.({ ...counts, total: left, seconds: (performance.now() - began) / 1000 });
  };
  for (;;) {
    const shard = hooks.signal?.aborted === true ? undefined : open[await world.next(counter)];
    if (shard === undefined) break;
    await writeShard(model, shard, { config, prompts: prompts.prompts, report, signal: hooks.signal });
  }
  await world.barrier();
  return world.rank === 0 ? summarise(config, prompts, shards) : undefined;
}

function shardsOf({ out, shard_size: size }: RolloutConfig, total: number): Shard[] {
  return Array.from({ length: Math.ceil(total / size) }, (_, i) => ({
    path: join(out, `shard-${String(i).padStart(5, "0")}.parquet`),
    first: i * size,
    count: Math.min(size, total - i * size),
  }));
}

/** Everything that decides an answer and its shard. */
function askedOf(config: RolloutConfig, { fingerprint }: Prompts): object {
  const { out: _out, device: _device, batch_size: _size, data: _data, ...rest } = config;
  return { ...rest, prompts: fingerprint };
}

/** Makes the folder, or finds that it holds the same rollout. Throws a ConfigError where it holds another. */
function begin(config: RolloutConfig, prompts: Prompts): void {
  const path = join(config.out, "rollout.json");
  const asked = JSON.stringify(askedOf(config, prompts), null, 2);
  if (existsSync(path)) {
    const before = readFileSync(path, "utf8").trimEnd();
    if (before === asked) return;
    const [now, then] = [JSON.parse(asked) as Record<string, unknown>, keysOf(before, path)];
    const names = Object.keys(now).filter((name) => JSON.stringify(now[name]) !== JSON.stringify(then[name]));
    throw new ConfigError(
      `${config.out} holds a rollout with other ${names.join(", ")}; go on with the same ones, or choose another folder with out=`,
      { folder: config.out, changed: names },
    );
  }
  mkdirSync(config.out, { recursive: true });
  writeFileSync(`${path}.tmp`, `${asked}\n`, { flush: true });
  renameSync(`${path}.tmp`, path);
}

function keysOf(text: string, path: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new DataError(
      `${path} is damaged: what its rollout was told is not known; remove the folder, or choose another with out=`,
      { file: path },
      { cause },
    );
  }
}

function summarise(config: RolloutConfig, prompts: Prompts, shards: readonly Shard[]): RolloutSummary {
  const whole = shards.map(({ path }) => path).filter((path) => existsSync(path));
  const summary: RolloutSummary = {
    prompts: prompts.prompts.length,
    duplicates: prompts.duplicates,
    corrupt: prompts.corrupt,
    ...readCounts(whole),
    finished: whole.length === shards.length,
  };
  const path = join(config.out, "summary.json");
  writeFileSync(`${path}.tmp`, `${JSON.stringify(summary, null, 2)}\n`, { flush: true });
  renameSync(`${path}.tmp`, path);
  return summary;
}

interface ShardWork {
  readonly config: RolloutConfig;
  readonly prompts: readonly RolloutPrompt[];
  readonly report: (line: JournalLine) => void;
  readonly signal: AbortSignal | undefined;
}

async function writeShard(model: Model, shard: Shard, work: ShardWork): Promise<void> {
  const { config } = work;
  const journal = new Journal(shard.path);
  for (const line of journal.lines) work.report(line);
  const done = new Set(journal.lines.map(({ answer }) => answer));
  const missing = Array.from({ length: shard.count }, (_, i) => shard.first + i).filter(
    (one) => !done.has(one),
  );
  const writer = new AnswerWriter(model, work);
  for (let at = 0; at < missing.length; at += config.batch_size) {
    for (const line of await writer.write(missing.slice(at, at + config.batch_size))) {
      journal.add(line, writer.header!);
      work.report(line);
    }
    if (work.signal?.aborted === true) return;
  }
  journal.finish();
}

/** Answers of one batch: attempts with rising temperatures for those that were not kept yet. */
class AnswerWriter {
  header: TrajectoryHeader | undefined;
  private readonly model: Model;
  private readonly work: ShardWork;

  constructor(model: Model, work: ShardWork) {
    this.model = model;
    this.work = work;
  }

  /** Lines of the answers that are done with; none of them if the run was interrupted meanwhile. */
  async write(answers: readonly number[]): Promise<JournalLine[]> {
    const { config, signal } = this.work;
    const attempts = config.temperatures?.length ?? 1;
    const rejected = new Map<number, Rejection[]>(answers.map((answer) => [answer, []]));
    const lines: JournalLine[] = [];
    let open = [...answers];
    for (let attempt = 0; attempt < attempts && open.length > 0; attempt++) {
      const written = await this.attempt(open, attempt);
      if (signal?.aborted === true) return [];
      const isLast = attempt === attempts - 1;
      open = open.filter((answer) => {
        const { text, tokens, finish_reason, trajectory } = written.get(answer)!;
        const why = rejection({ text, tokens, finish_reason }, this.promptOf(answer), config.keep);
        const reasons = rejected.get(answer)!;
        if (why !== undefined) reasons.push(why);
        const isKept =
          why === undefined ||
          (isLast && (why === "wrong" || why === "no_gold") && config.keep.unverified === "keep_last");
        if (!isKept && !isLast) return true;
        lines.push({
          answer,
          attempts: attempt + 1,
          rejected: reasons,
          ...(isKept ? { trajectory } : {}),
        });
        return false;
      });
    }
    return lines;
  }

  private promptOf(answer: number): RolloutPrompt {
    return this.work.prompts[Math.floor(answer / this.work.config.samples)]!;
  }

  private async attempt(answers: readonly number[], attempt: number) {
    const { config, signal } = this.work;
    const { temperatures, decoder_options: given } = config;
    const temperature = temperatures?.[attempt];
    const options: GenerateOptions = {
      decoder: config.decoder,
      decoderOptions: temperature === undefined ? given : { ...given, temperature },
      maxNewTokens: config.max_new_tokens,
      stop: config.stop,
      fidelity: config.fidelity,
      seed: config.seed,
      batchSize: config.batch_size,
      frames: false,
      signal,
      // Another attempt draws other numbers.
      places: answers.map((answer) => answer + attempt * 2 ** 40),
    };
    const recorded: Trajectory[] = [];
    const found = new Map<number, Written>();
    const prompts = answers.map((answer) =>
      asPrompt(this.promptOf(answer).prompt, config.data.prompt_format, this.model),
    );
    const events = generate(this.model, prompts, {
      ...options,
      onTrajectory: (trajectory, header) => {
        // Attempts differ in temperature alone: the shard's header tells the first one's.
        this.header ??= header;
        recorded.push(trajectory);
      },
    });
    for await (const event of events) {
      if (event.type !== "sequence") continue;
      const { text, tokens, finish_reason } = event.sequence;
      const trajectory = recorded.find(({ sequence }) => sequence === event.index)!;
      found.set(event.index % 2 ** 40, { text, tokens, finish_reason, trajectory });
    }
    return found;
  }
}

interface Written {
  readonly text: string;
  readonly tokens: number;
  readonly finish_reason: "length" | "stop";
  readonly trajectory: Trajectory;
}
