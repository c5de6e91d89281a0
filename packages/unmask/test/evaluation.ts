// Evaluations for tests: a model without meaning, and GSM8K rows of which it gets some right: their answers are the
// numbers that it says.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { type EvalConfig, evalConfigSchema } from "../src/evaluate/run/config.ts";
import { readJsonLines } from "../src/evaluate/run/files.ts";
import { evaluate } from "../src/evaluate/run/run.ts";
import { writeResults } from "../src/evaluate/run/write.ts";
import { tinyModel } from "./tiny-models.ts";

export const task = "gsm8k_cot_zeroshot";

export interface Scene {
  readonly root: string;
  readonly model: string;
  readonly data: string;
  /** A configuration with changes, writing into root/name. */
  config(name: string, changes?: object): EvalConfig;
  /** The same as a YAML file; its path. */
  file(name: string, changes?: object): string;
}

/** `questions` rows, of which the model gets some right. */
export async function evaluationScene(
  root: string,
  { questions = 10, temperature = 0 }: { readonly questions?: number; readonly temperature?: number } = {},
): Promise<Scene> {
  const model = await tinyModel(root, "llada");
  const data = join(root, "questions.jsonl");
  const write = (answers: readonly string[]) =>
    writeFileSync(
      data,
      answers
        .map((answer, i) => `${JSON.stringify({ question: `${i}: ${"ab".repeat(i % 4)}?`, answer })}\n`)
        .join(""),
    );
  const values = (name: string, changes: object) => ({
    ...{ model, tasks: [{ name: task, data }], batch_size: 2, threads: 1, max_new_tokens: 32 },
    decoder: "low_confidence",
    decoder_options: { steps: 16, block_length: 16, temperature },
    out: join(root, name),
    ...changes,
  });
  const scene: Scene = {
    ...{ root, model, data },
    config: (name, changes = {}) => evalConfigSchema.parse(values(name, changes)),
    file(name, changes = {}) {
      const path = join(root, `${name}.yaml`);
      writeFileSync(path, stringify(values(name, changes)));
      return path;
    },
  };
  write(Array.from({ length: questions }, () => "#### 1"));
  await evaluated(scene.config("scout"));
  const said = samplesOf(join(root, "scout")).map(({ unmask }) => unmask.verdicts[0]?.extracted ?? "-77");
  const [, second] = said.flatMap((number, i) => (number === "-77" ? [] : [i]));
  write(said.map((number, i) => `#### ${i === second ? "-77" : number}`));
  return scene;
}

/** Runs a configuration in this process and writes its files. */
export async function evaluated(config: EvalConfig): Promise<void> {
  const done = await evaluate(config, { inProcess: true });
  await writeResults(done!, { setting: 0, folder: config.out });
}

export interface Sample {
  readonly doc_id: number;
  readonly resps: readonly (readonly string[])[];
  readonly unmask: {
    readonly verdicts: readonly { readonly extracted: string | null; readonly correct: boolean }[];
  };
}

export const samplesOf = (folder: string): readonly Sample[] =>
  readJsonLines(join(folder, `samples_${task}.jsonl`)) as Sample[];

export const bytesOf = (folder: string, names: readonly string[]): readonly string[] =>
  names.map((name) => readFileSync(join(folder, name)).toString("base64"));

/** Everything that must not depend on when and where it was computed. */
export const resultFiles = [
  ...["results.json", `samples_${task}.jsonl`, `trajectories/${task}.parquet`, "manifest.json"],
] as const;
