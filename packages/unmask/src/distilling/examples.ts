// What a distiller learns from: trajectories out of files whose makers are checked, or data as in training.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError, DataError } from "../base/errors.ts";
import type { DataConfig } from "../data/config.ts";
import type { Answer, ExampleSource } from "../data/example.ts";
import { shuffledSource } from "../data/memory.ts";
import { openExamples } from "../data/open.ts";
import type { D3llmExample } from "../distill/d3llm-hide.ts";
import { d3llmExamples } from "../distill/teacher-trace.ts";
import type { BaseModel } from "../train/base-model.ts";
import { decodeTrajectories } from "../trajectory/file.ts";
import type { Trajectory, TrajectoryHeader } from "../trajectory/record.ts";
import type { DistillConfig } from "./config.ts";

export interface Examples<Example> {
  readonly train: ExampleSource<Example>;
  /** Longest example, in tokens. */
  readonly length: number;
  readonly warnings: readonly string[];
}

/** Of ids, their order of revelation, and what is learnt in their place. */
function fingerprintOf(examples: readonly D3llmExample[]): string {
  const hash = createHash("sha256");
  for (const { ids, promptLength, steps, target } of examples) {
    hash.update(Int32Array.of(ids.length, promptLength, ...Array.from(ids), ...steps));
    if (target !== undefined) hash.update(Int32Array.of(target.ids.length, ...Array.from(target.ids)));
  }
  return hash.digest("hex");
}

/** Whose trajectories are accepted. */
export interface Maker {
  readonly base: BaseModel;
  /** Of config.json, as trajectories name it. */
  readonly modelHash: string;
}

/** Throws a DataError or CheckpointError that names the file, and both sides where they differ. */
export async function trajectoryExamples(
  config: NonNullable<DistillConfig["trajectories"]>,
  maker: Maker,
  seed: number,
): Promise<Examples<D3llmExample>> {
  const files = filesOf(config.path);
  const rows: Trajectory[] = [];
  let header: TrajectoryHeader | undefined;
  for (const path of files) {
    const file = await decodeTrajectories(readFileSync(path), path);
    checkMaker(path, file.header, maker);
    header ??= file.header;
    // Shards count on; files of several rollouts would not: numbers are places in what is read here.
    for (const row of file.rows) rows.push({ ...row, sequence: rows.length });
    if (rows.length >= (config.limit ?? Number.POSITIVE_INFINITY)) break;
  }
  const some = rows.slice(0, config.limit);
  const { examples, counts } = d3llmExamples(some, header!, {
    maxPromptLength: config.max_prompt_length,
    maxAnswerLength: config.max_answer_length,
    targets: config.targets === undefined ? undefined : await targetsOf(config.targets, some, maker),
  });
  if (examples.length === 0) {
    throw new DataError(
      `${[config.path].flat().join(", ")}: of ${rows.length} trajectories none can be learnt from (${described(counts)})`,
    );
  }
  return {
    train: { ...shuffledSource(examples, seed), fingerprint: fingerprintOf(examples) },
    length: Math.max(
      ...examples.map(({ ids, tail, target }) => Math.max(ids.length + tail, target?.ids.length ?? 0)),
    ),
    warnings: Object.values(counts).some((count, i) => i > 0 && count > 0) ? [described(counts)] : [],
  };
}

/** Answers of data to the prompts of trajectories, by the trajectories' numbers. */
async function targetsOf(
  config: DataConfig,
  rows: readonly Trajectory[],
  { base: { tokenizer, template, facts } }: Maker,
): Promise<Map<number, Answer>> {
  const length = facts.contextLength;
  const { train } = await openExamples({ ...config, held_out: 0, stream: false }, tokenizer, {
    seed: 0,
    length,
    template,
  });
  const answers = await train.at(Array.from({ length: train.count ?? 0 }, (_, i) => i));
  const byPrompt = new Map(
    answers.map((answer) => [Array.from(answer.ids).slice(0, answer.promptLength).join(), answer]),
  );
  const found = rows.flatMap(({ sequence, prompt_ids }): [number, Answer][] => {
    const answer = byPrompt.get(prompt_ids.join());
    return answer === undefined ? [] : [[sequence, answer]];
  });
  if (found.length < rows.length) {
    throw new DataError(
      `trajectories.targets: ${[config.path].flat().join(", ")} has answers to ${found.length} of the ${rows.length} recorded prompts; give the data that unmask rollout was given, in the same prompt_format`,
    );
  }
  return new Map(found);
}

function described({ kept, ...rest }: ReturnType<typeof d3llmExamples>["counts"]): string {
  const names = {
    cut: "cut",
    unended: "without an end",
    longPrompts: "left out for their prompts' length",
    empty: "left out as nothing in them was revealed",
    masked: "left out for masks in them",
  };
  const odd = Object.entries(rest)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${names[name as keyof typeof names]}`);
  return [`${kept} trajectories kept`, ...odd].join(", ");
}

function filesOf(paths: string | readonly string[]): string[] {
  const files = [paths].flat().flatMap((path) => {
    if (!existsSync(path)) {
      throw new DataError(`${path}: no such file or folder; give what unmask rollout wrote`, { path });
    }
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path).sort();
    const open = names.find((name) => name.endsWith(".journal"));
    if (open !== undefined) {
      throw new DataError(
        `${join(path, open)}: the rollout is not finished; run unmask rollout again, it goes on with it`,
        { path },
      );
    }
    return names.filter((name) => name.endsWith(".parquet")).map((name) => join(path, name));
  });
  if (files.length > 0) return files;
  throw new DataError(
    `${[paths].flat().join(", ")}: holds no trajectories (*.parquet); give what unmask rollout wrote`,
  );
}

function checkMaker(path: string, header: TrajectoryHeader, { base, modelHash }: Maker): void {
  const sides = [
    ["tokenizer", header.tokenizer_hash, base.tokenizer.hash],
    ["chat template", header.template_hash, base.template?.hash ?? ""],
    ["model", header.model_hash, modelHash],
  ] as const;
  for (const [what, theirs, ours] of sides) {
    if (theirs === ours) continue;
    throw new CheckpointError(
      `${path}: was written by ${header.model}, whose ${what} (${short(theirs)}) is not that of ${base.name} (${short(ours)}); roll out with ${base.name}, or distil ${header.model}`,
      { path, what, theirs, ours },
    );
  }
}

const short = (hash: string): string => (hash === "" ? "none" : hash.slice(0, 12));

export const hashOfConfig = (folder: string): string =>
  createHash("sha256")
    .update(JSON.stringify(JSON.parse(readFileSync(join(folder, "config.json"), "utf8"))))
    .digest("hex");
